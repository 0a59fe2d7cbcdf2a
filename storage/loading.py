"""How a program starts: it loads much and keeps nearly all of it, so there is no garbage to search for."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """For the start of a program: nothing is collected inside, and what is alive at the end is never searched again.

    A quarter of the time in which a worker imports its libraries, and half of that in which a policy is read, would
    go into searches that find nothing; as much again into those at the end of the process.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
