"""Keeps the libraries' progress bars out of the worker's log."""

from __future__ import annotations

from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging


def silence_progress_bars() -> None:
    """Loading draws bars on stderr otherwise, which break up structured log lines."""
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
