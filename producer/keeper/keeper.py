"""The keeper: small duties, each on a thread of its own and at its own pace. Any number of keepers may run at once."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from producer.keeper.metrics import DutyMetrics

log = structlog.get_logger(__name__)

STOP_SECONDS = 5.0
_JITTER = 0.1


@dataclass(frozen=True, slots=True)
class Duty:
    """Something to do every `seconds`, harmless if it is done twice or by several keepers at once.

    `do` may return how many things it did. One that works for long looks at the keeper's stop event in between.
    """

    name: str
    seconds: float
    do: Callable[[], int | None]


def jittered(seconds: float) -> float:
    """About `seconds`: keepers that were started together must not all ask the database at the same moment."""
    return seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311  (nobody gains by guessing it)


class Keeper:
    """Does its duties until it is told to stop.

    A duty that fails is logged and tried again at its next turn; one that is slow or stuck holds up no other.
    """

    def __init__(
        self,
        duties: Sequence[Duty],
        metrics: DutyMetrics | None = None,
        rest: Callable[[float], float] = jittered,
    ) -> None:
        self._duties = tuple(duties)
        self._metrics = metrics or DutyMetrics()
        self._rest = rest

    def run(self, stop: threading.Event) -> None:
        """Works until `stop` is set, then gives duties that are at work STOP_SECONDS to come to an end."""
        threads = [
            threading.Thread(target=self._keep, args=(duty, stop), name=f"keeper-{duty.name}", daemon=True)
            for duty in self._duties
        ]
        for thread in threads:
            thread.start()
        stop.wait()
        end = time.monotonic() + STOP_SECONDS
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
            if thread.is_alive():
                # Every duty may be cut off anywhere, as by a crash; the next keeper takes it up again.
                log.warning("duty_abandoned", duty=thread.name)

    def attempt(self, duty: Duty) -> None:
        """Does one duty once, whatever it meets."""
        began = time.monotonic()
        try:
            done = duty.do() or 0
        except Exception as error:  # noqa: BLE001  (whatever one duty meets, it must be tried again)
            self._metrics.failed(duty.name, time.monotonic() - began)
            log.warning("duty_failed", duty=duty.name, error=str(error), kind=type(error).__name__)
        else:
            self._metrics.succeeded(duty.name, time.monotonic() - began, done)

    def _keep(self, duty: Duty, stop: threading.Event) -> None:
        while not stop.is_set():
            self.attempt(duty)
            stop.wait(self._rest(duty.seconds))
