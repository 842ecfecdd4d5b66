"""What data plugins share: reading files, formats, splitting, writing examples, counting what is dropped."""

from belle_core.data.formats import Dropped, Format, Refused, Unreadable
from belle_core.data.places import Place, Source
from belle_core.data.storage import ExamplesWriter, read_examples

__all__ = ["Dropped", "ExamplesWriter", "Format", "Place", "Refused", "Source", "Unreadable", "read_examples"]
