"""Semantic duplicates: examples whose vectors point nearly the same way as those of one that stays."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from belle_core.conversation import Example
from belle_core.data.corpus import Stored
from belle_core.data.filters import Drop
from belle_core.data.personal import excerpt
from belle_core.data.questions import question_of
from belle_core.errors import BelleError
from belle_core.generation.checkpoint import is_checkpoint
from belle_duplicates.config import SemanticConfig
from belle_duplicates.texts import compared

if TYPE_CHECKING:
    import torch

BLOCK = 1 << 10
"""Examples that are compared at once with all that stay before them."""
AT_ONCE = 1 << 14
"""Of those so many."""


class Semantic:
    """Reason: the filter's name alone. Every example is compared with all that stay: n²·d/2 multiplications for n examples with
    vectors of d numbers, which for a million is less work than making the vectors, and for more than ten million too much.

    Vectors lie in the scratch folder as they are made, 2 bytes a number, so that a run that was broken off makes none twice; those of what stays lie there
    a second time and are read block by block. In memory is a block of either.
    """

    whole = True
    asks_a_model = True

    def __init__(self, config: SemanticConfig) -> None:
        self.config, self.directory = config, Path(config.model).expanduser()
        if not is_checkpoint(self.directory):
            raise BelleError(
                f"the semantic filter needs an encoder in Hugging Face layout; {config.model} is no such directory",
                f"语义去重过滤器需要 Hugging Face 格式的编码器；{config.model} 不是这样的目录",
            )

    def summaries(self, examples: Sequence[Example]) -> list[bytes]:
        """Nothing: the examples themselves are needed."""
        return [b""] * len(examples)

    def decide(self, corpus: Stored) -> Iterator[Drop | None]:
        """Drops every example of which an earlier one that stays has a cosine of the threshold or more."""
        kept = array("Q")
        stays = corpus.scratch / "stays.bin"
        stays.write_bytes(b"")
        for start, block in self._blocks(corpus):
            best, where = _nearest(block, stays, len(kept))
            staying: list[int] = []
            for row in range(len(block)):
                cosine, other = float(best[row]), int(where[row])
                if staying:
                    inner = block[staying] @ block[row]
                    if float(inner.max()) > cosine:
                        cosine, other = float(inner.max()), len(kept) + int(inner.argmax())
                if cosine >= self.config.threshold:
                    same = corpus[kept[other] if other < len(kept) else start + staying[other - len(kept)]]
                    yield Drop(evidence=f"{cosine:.3f} {same.id}: {excerpt(question_of(same), around=200)}")
                else:
                    staying.append(row)
                    yield None
            kept.extend(start + row for row in staying)
            with stays.open("ab") as file:
                file.write(block[staying].half().numpy().tobytes())

    def _blocks(self, corpus: Stored) -> Iterator[tuple[int, torch.Tensor]]:
        """The vectors of all examples, block after block, rounded to 16 bits; those that were made before are read."""
        from safetensors.torch import load_file, save_file

        encoder = None
        examples = corpus.examples()
        for start in range(0, len(corpus), BLOCK):
            some = list(islice(examples, BLOCK))
            path = corpus.scratch / f"vectors-{start}.safetensors"
            if not path.exists():
                encoder = encoder or self._encoder()
                partial = path.with_suffix(".partial")
                save_file({"vectors": self._encoded(encoder, some).half()}, partial)
                partial.replace(path)
            yield start, load_file(path)["vectors"].float()

    def _encoded(self, encoder, examples: list[Example]) -> torch.Tensor:  # type: ignore[no-untyped-def]
        import torch

        texts = ["\n".join(compared(example, self.config.by)) for example in examples]
        order = sorted(range(len(texts)), key=lambda number: len(texts[number]))  # like lengths together
        vectors = torch.empty(len(texts), encoder.dimension)
        for at in range(0, len(order), self.config.batch):
            some = order[at : at + self.config.batch]
            vectors[some] = encoder.encode([texts[number] for number in some])
        return vectors

    def _encoder(self):  # type: ignore[no-untyped-def]
        from belle_duplicates.encoder import Encoder  # brings transformers along

        return Encoder(self.directory, length=self.config.length)


def _nearest(block: torch.Tensor, stays: Path, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """For every row the greatest cosine with the *count* vectors in the file *stays*, and which; -1 where there are none."""
    import torch

    best, where = torch.full((len(block),), -1.0), torch.zeros(len(block), dtype=torch.long)
    with stays.open("rb") as file:
        for start in range(0, count, AT_ONCE):
            some = bytearray(file.read(2 * block.shape[1] * AT_ONCE))
            vectors = torch.frombuffer(some, dtype=torch.float16).view(-1, block.shape[1])
            cosines, found = (block @ vectors.float().T).max(dim=1)
            better = cosines > best
            best[better], where[better] = cosines[better], found[better] + start
    return best, where
