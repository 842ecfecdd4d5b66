"""Optimizers: ``train/optimizer=<name>``."""

from belle_core import Part, hookimpl
from belle_optimizers.config import AdafactorConfig, Adamw8bitConfig, AdamwConfig, GaloreConfig, LionConfig, MuonConfig


@hookimpl
def belle_parts() -> list[Part]:
    return [
        Part(kind="optimizer", name="adamw", config=AdamwConfig, run="belle_optimizers.libraries:adamw"),
        Part(kind="optimizer", name="adafactor", config=AdafactorConfig, run="belle_optimizers.libraries:adafactor"),
        Part(kind="optimizer", name="muon", config=MuonConfig, run="belle_optimizers.muon:muon"),
        Part(kind="optimizer", name="galore", config=GaloreConfig, run="belle_optimizers.galore:galore"),
        Part(
            kind="optimizer",
            name="adamw8bit",
            config=Adamw8bitConfig,
            run="belle_optimizers.eight_bits:adamw8bit",
            extra="quantize",
        ),
        Part(
            kind="optimizer", name="lion", config=LionConfig, run="belle_optimizers.eight_bits:lion", extra="quantize"
        ),
    ]
