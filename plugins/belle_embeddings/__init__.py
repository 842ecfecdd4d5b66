"""Training of the word embeddings alone, as after an extension of the vocabulary (arXiv 2304.07854, section 5)."""

from belle_core import Stage, hookimpl
from belle_core.artifacts import Adapter, Examples, Model
from belle_embeddings.config import EmbeddingsConfig


@hookimpl
def belle_stages() -> list[Stage]:
    return [
        Stage(
            kind="train",
            name="embeddings",
            config=EmbeddingsConfig,
            run="belle_embeddings.stage:train",
            produces=Model,
            consumes=(Examples,),
            starts_from=(Model, Adapter),
            reads=("trainer", "seed"),
            groups={"objective": "pretrain", "optimizer": "adamw"},
        )
    ]
