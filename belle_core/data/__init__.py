"""What data plugins share: reading and writing examples, splitting, counting what is dropped."""

from belle_core.data.storage import ExamplesWriter, read_examples

__all__ = ["ExamplesWriter", "read_examples"]
