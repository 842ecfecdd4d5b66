"""A tokenizer trained on the data: SentencePiece BPE with byte fallback."""

from belle_core import Stage, hookimpl
from belle_core.artifacts import Examples, Tokenizer
from belle_bpe.config import BpeConfig


@hookimpl
def belle_stages() -> list[Stage]:
    return [
        Stage(
            kind="tokenizer",
            name="bpe",
            config=BpeConfig,
            run="belle_bpe.stage:train",
            produces=Tokenizer,
            consumes=(Examples,),
        )
    ]
