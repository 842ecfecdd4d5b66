"""bitsandbytes: weights in 4 or 8 bits, for loading with transformers."""

from belle_bnb.config import BnbConfig
from belle_core import Stage, hookimpl
from belle_core.artifacts import Adapter, Model, QuantizedModel


@hookimpl
def belle_stages() -> list[Stage]:
    return [
        Stage(
            kind="quantize",
            name="bnb",
            config=BnbConfig,
            run="belle_bnb.stage:quantize",
            check="belle_bnb.check:check",
            produces=QuantizedModel,
            starts_from=(Model, Adapter),
            extra="quantize",
        )
    ]
