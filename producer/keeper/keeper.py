"""The keeper: small duties, each at its own pace. Any number of keepers may run at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Duty:
    """Something to do every `seconds`, harmless if it is done twice or by several keepers at once."""

    name: str
    seconds: float
    do: Callable[[], None]


class Keeper:
    """Does its duties until it is told to stop. A duty that fails is logged and tried again at its next turn."""

    def __init__(self, duties: Sequence[Duty], clock: Callable[[], float] = time.monotonic) -> None:
        self._duties = tuple(duties)
        self._clock = clock
        self._next = {duty.name: float("-inf") for duty in duties}

    def run(self, stop: threading.Event) -> None:
        """Works until `stop` is set."""
        while not stop.is_set():
            stop.wait(self.tick())

    def tick(self) -> float:
        """Does what is due and returns the seconds until something is due again."""
        for duty in self._duties:
            if self._next[duty.name] <= self._clock():
                _attempt(duty)
                self._next[duty.name] = self._clock() + duty.seconds
        return max(0.0, min(self._next.values()) - self._clock())


def _attempt(duty: Duty) -> None:
    try:
        duty.do()
    except Exception as error:  # noqa: BLE001  (whatever one duty meets, the others must go on)
        log.warning("duty_failed", duty=duty.name, error=str(error))
