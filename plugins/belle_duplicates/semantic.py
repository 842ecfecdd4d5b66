"""Semantic duplicates: examples whose vectors point nearly the same way as those of one that stays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from belle_core.conversation import Example
from belle_core.data.corpus import Stored
from belle_core.data.filters import Drop
from belle_core.data.personal import excerpt
from belle_core.data.questions import question_of
from belle_core.errors import BelleError
from belle_core.generation.checkpoint import is_checkpoint
from belle_core.language import say
from belle_core.notices import tell
from belle_duplicates.config import SemanticConfig
from belle_duplicates.texts import compared


class Semantic:
    """Reason: the filter's name alone. Of up to ``all_pairs`` examples every one is compared with all that stay before it, of more with those
    that are near the same of some examples drawn by chance, which takes time with the power 1.5 of their number.

    Vectors lie in the scratch folder as they are made, 2 bytes a number, so that a run that was broken off makes none twice. In memory are blocks
    of them, some 20 bytes an example, and 12 for each pair of like ones.
    """

    whole = True
    asks_a_model = True

    def __init__(self, config: SemanticConfig) -> None:
        self.config, self.directory = config, Path(config.model).expanduser()
        self._found: dict[str, Any] = {}
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
        if not (count := len(corpus)):
            return
        from belle_duplicates.cells import CERTAINTY, divided, one_cell
        from belle_duplicates.encoder import Encoder  # brings torch and transformers along
        from belle_duplicates.greedy import nearest_kept
        from belle_duplicates.vectors import make_vectors

        threshold = self.config.threshold
        texts = ("\n".join(compared(example, self.config.by)) for example in corpus.examples())
        encoder = Encoder(self.directory, length=self.config.length)
        making = say("vectors", "计算向量")
        vectors = make_vectors(texts, encoder, corpus.scratch, count=count, batch=self.config.batch, label=making)
        if count <= self.config.all_pairs:
            cells = one_cell(count)
        else:
            cells = divided(vectors, threshold, corpus.scratch, label=say("cells", "划分单元"))
        self._found = cells.found
        if (share := cells.found.get("certainty", 1.0)) < CERTAINTY:
            _tell(share)
        for near in nearest_kept(vectors, cells, threshold, label=say("comparing", "比较")):
            if near is None:
                yield None
                continue
            same = corpus[near[1]]
            yield Drop(evidence=f"{near[0]:.3f} {same.id}: {excerpt(question_of(same), around=200)}")

    def found(self) -> dict[str, Any]:
        """How many cells there were; in how many each looked, and which share of pairs just at the threshold was compared (measured)."""
        return self._found


def _tell(share: float) -> None:
    tell(
        f"semantic compares {share:.0%} of the pairs just at the threshold, since so much of the data is nearly as alike; a higher threshold, or "
        "all_pairs above the number of examples, misses fewer",
        f"语义去重只比较了 {share:.0%} 恰在阈值上的样本对，因为数据中有许多样本几乎同样相似；提高阈值，或令 all_pairs 大于样本数，可减少遗漏",
    )
