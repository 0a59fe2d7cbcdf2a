"""Short troubles of the object store are waited out while the lease is held; long ones are the retry's business."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

import structlog

from storage.errors import ObjectStoreUnavailable
from worker.stop import StopSign

log = structlog.get_logger(__name__)

T = TypeVar("T")
PAUSES = (0.5, 1.5, 4.5)
"""Seconds before the second, third and fourth try, at most."""
LATEST_TRY_SECONDS = 15.0


def patiently(call: Callable[[], T], sign: StopSign) -> T:
    """What `call()` answers, tried up to four times, none begun later than 15 s after the first.

    Raises ObjectStoreUnavailable from the last try, RequestCanceled as soon as the sign is up between two tries, and
    at once whatever else `call` raises.
    """
    began = time.monotonic()
    for longest in PAUSES:
        try:
            return call()
        except ObjectStoreUnavailable as problem:
            pause = longest * random.uniform(0.5, 1.0)  # noqa: S311  (spreads those who wait for the same store)
            if time.monotonic() - began + pause > LATEST_TRY_SECONDS:
                raise
            log.warning("object_store_retry", error=str(problem), again_in=round(pause, 2))
            sign.sleep(pause)
    return call()
