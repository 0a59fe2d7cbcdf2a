"""When the engine worked, when it waited, and how long ago it last got something done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Watch:
    """Seconds by `clock`. Written by the engine's thread only; anyone may read."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began: float | None = None
        self._moved = 0.0
        self._turns: tuple[float, float | None] = (0.0, None)
        """Seconds in finished turns, and when the current one began: together, so that no reader sees one without
        the other."""

    def begin(self) -> None:
        """Count from now on; a second call changes nothing."""
        if self._began is None:
            self._began = self._clock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """What happens inside is work."""
        self.begin()
        self._moved = self._clock()
        self._turns = (self._turns[0], self._moved)
        try:
            yield
        finally:
            self._turns = (self.busy_seconds, None)

    def move(self) -> None:
        """Something was done: the device does not hang."""
        self._moved = self._clock()

    @property
    def busy_seconds(self) -> float:
        """Time in turns, the current one included."""
        finished, began = self._turns
        return finished if began is None else finished + self._clock() - began

    @property
    def idle_seconds(self) -> float:
        """Time outside turns since the counting began."""
        return 0.0 if self._began is None else max(0.0, self._clock() - self._began - self.busy_seconds)

    @property
    def stalled_seconds(self) -> float:
        """Time since the last move() within the current turn; 0 outside turns."""
        return 0.0 if self._turns[1] is None else self._clock() - self._moved
