"""A tokenizer trained on the data: SentencePiece BPE with byte fallback."""

from belle_bpe.config import BpeConfig
from belle_core import Stage, hookimpl
from belle_core.artifacts import Examples, Tokenizer


@hookimpl
def belle_stages() -> list[Stage]:
    return [
        Stage(
            kind="tokenizer",
            name="bpe",
            config=BpeConfig,
            run="belle_bpe.stage:train",
            estimate="belle_bpe.estimate:estimate",
            produces=Tokenizer,
            consumes=(Examples,),
        )
    ]
