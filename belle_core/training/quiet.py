"""Keeps the advice, bars and advertisements of libraries out of the output."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

TALKATIVE = ("pytorch_lightning", "lightning_fabric", "bitsandbytes", "peft")


@contextmanager
def quiet() -> Iterator[None]:
    """Only errors of the libraries are shown; what they raise is untouched."""
    from transformers.utils import logging as transformers_logging

    if not torch.cuda.is_available():
        os.environ.setdefault(
            "DS_ACCELERATOR", "cpu"
        )  # else deepspeed, where it is installed, says that it looks for one
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    loggers = [logging.getLogger(name) for name in TALKATIVE]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
