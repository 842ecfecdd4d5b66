"""Whose an exception is that came up while a model of any architecture was handled: the model's, or our own."""

from __future__ import annotations

import sys
from traceback import walk_tb

PASSED = {"torch", *sys.stdlib_module_names}
"""Packages that only do what others ask of them."""


def is_ours(error: BaseException) -> bool:
    """Whether the innermost code that is not torch's is belle's; else it is the model's or a library's.

    Every operation passes through the ``__torch_dispatch__`` of :class:`belle_core.training.counting.Watch`, which is not to blame for what the operation itself raises.
    """
    inside = False
    for frame, _ in reversed(list(walk_tb(error.__traceback__))):
        package = frame.f_globals.get("__name__", "").partition(".")[0]
        if package in PASSED or (inside and frame.f_code.co_name == "__torch_dispatch__"):
            inside = True
        else:
            return str(package).startswith("belle")
    return True
