"""When a caller may send its next job: at first whenever there is room, which shows the capacity, then by the clock."""

from __future__ import annotations

import threading
import time

# No fault lasts so long: whoever is later did not run itself, and must not make up for it in one burst.
LATE_SECONDS = 30.0


class Pace:
    """Handed to the callers of a Stream. Who is late, because an answer took long, sends at once: arrivals do not
    wait for the service, or a service that slows down would hide its queue.

    `missed` are seconds in which nobody could send, because the machine stood still or no caller had an answer.
    """

    def __init__(self) -> None:
        self.room = threading.Event()
        self.missed = 0.0
        self._lock = threading.Lock()
        self._interval: float | None = None
        self._due = 0.0

    def __call__(self) -> None:
        """Returns when the next job is to be sent."""
        if self._interval is None:
            self.room.wait()
        if self._interval is not None:
            time.sleep(max(0.0, self._next(self._interval) - time.monotonic()))

    def steady(self, rate: float) -> None:
        """From now on `rate` jobs a second."""
        self._due, self._interval = time.monotonic(), 1.0 / rate
        self.room.set()

    def _next(self, interval: float) -> float:
        with self._lock:
            late = time.monotonic() - self._due
            if late > LATE_SECONDS:
                self.missed += late
                self._due += late
            due, self._due = self._due, self._due + interval
            return due
