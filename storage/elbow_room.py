"""Room for pictures that are being unpacked: however many callers come at once, they take no more memory than that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Lock


class ElbowRoom:
    """`most` pixels at once, for many threads, who wait for their turn in the order in which they came.

    A picture that is larger than that goes alone.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0
        self._freed = Condition()
        # Whoever waits for room holds it, so that small ones do not for ever slip in before a large one.
        self._next = Lock()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Room for so many, for the time of the block."""
        with self._next, self._freed:
            self._freed.wait_for(lambda: not self._taken or self._taken + pixels <= self._most)
            self._taken += pixels
        try:
            yield
        finally:
            with self._freed:
                self._taken -= pixels
                self._freed.notify_all()
