"""Things that may happen thousands of times a second, and a log that shall not grow by as many lines."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

SECONDS = 1.0


class Repeats:
    """Counts what happens, and says at most once in `seconds` that it is time for a line. For many threads."""

    def __init__(self, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._count = 0
        self._told = float("-inf")

    def note(self) -> int:
        """It happened: how often since the line before, if a line is due now; else 0."""
        with self._lock:
            self._count += 1
            if self._clock() - self._told < self._seconds:
                return 0
            self._told, count, self._count = self._clock(), self._count, 0
            return count
