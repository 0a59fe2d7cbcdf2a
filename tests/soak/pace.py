"""When a caller may send its next job: at first whenever there is room, which shows the capacity, then by the clock."""

from __future__ import annotations

import threading
import time


class Pace:
    """Handed to the callers of a Stream. Who is late, because an answer took long, sends at once: arrivals do not
    wait for the service, or a service that slows down would hide its queue."""

    def __init__(self) -> None:
        self.room = threading.Event()
        self._lock = threading.Lock()
        self._interval: float | None = None
        self._due = 0.0

    def __call__(self) -> None:
        """Returns when the next job is to be sent."""
        if self._interval is None:
            self.room.wait()
        if self._interval is not None:
            with self._lock:
                due, self._due = self._due, self._due + self._interval
            time.sleep(max(0.0, due - time.monotonic()))

    def steady(self, rate: float) -> None:
        """From now on `rate` jobs a second."""
        self._due, self._interval = time.monotonic(), 1.0 / rate
        self.room.set()
