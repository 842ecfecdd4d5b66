"""The layouts in which instructions, conversations and preferences are published."""

from belle_core import Part, hookimpl

FORMATS = {
    "alternating": "alternating:FORMAT",
    "calling": "calling:FORMAT",
    "coig": "parts:COIG",
    "compared": "compared:FORMAT",
    "completion": "completion:FORMAT",
    "crosswoz": "people:CROSSWOZ",
    "firefly": "firefly:FORMAT",
    "generated": "generated:FORMAT",
    "kdconv": "people:KDCONV",
    "math23k": "parts:MATH23K",
    "messages": "conversations:OPENAI",
    "moss": "moss:FORMAT",
    "multiturn": "multiturn:FORMAT",
    "natural_instructions": "parts:NATURAL",
    "oasst": "oasst:FORMAT",
    "own": "own:FORMAT",
    "paddle": "paddle:FORMAT",
    "pair": "pairs:FORMAT",
    "pclue": "pclue:FORMAT",
    "preference": "preference:FORMAT",
    "qianfan": "qianfan:FORMAT",
    "ranked": "ranked:FORMAT",
    "reading": "reading:FORMAT",
    "rendered": "rendered:FORMAT",
    "self_instruct": "tasks:FORMAT",
    "revised": "parts:REVISED",
    "several": "several:FORMAT",
    "sharegpt": "conversations:SHAREGPT",
    "translated": "parts:TRANSLATED",
    "unpaired": "unpaired:FORMAT",
}


@hookimpl
def belle_parts() -> list[Part]:
    return [Part(kind="format", name=name, run=f"belle_formats.{where}") for name, where in FORMATS.items()]
