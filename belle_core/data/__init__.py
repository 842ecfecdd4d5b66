"""What data plugins share: reading files, formats, cleaning, splitting, writing examples, counting what is dropped."""

from belle_core.data.cleaning import clean
from belle_core.data.filters import CorpusFilter, Drop, RecordFilter
from belle_core.data.formats import Dropped, Format, Refused, Unreadable
from belle_core.data.places import Place, Source
from belle_core.data.storage import read_examples
from belle_core.data.supply import Given, Supply
from belle_core.data.writing import ExamplesWriter

__all__ = [
    "CorpusFilter",
    "Drop",
    "Dropped",
    "ExamplesWriter",
    "Format",
    "Given",
    "Place",
    "RecordFilter",
    "Refused",
    "Source",
    "Supply",
    "Unreadable",
    "clean",
    "read_examples",
]
