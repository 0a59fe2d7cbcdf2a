"""What the UNet calls of an engine came to."""

from __future__ import annotations

from collections.abc import Callable


class Tally:
    """Calls, their seconds and their rows. Written by the engine's thread only; anyone may read.

    `rows_used` are rows of pictures, `rows_run` those that were computed: `padded(rows)` says how many a call has.
    """

    def __init__(self, padded: Callable[[int], int]) -> None:
        self.calls = 0
        self.seconds = 0.0
        self.rows_used = 0
        self.rows_run = 0
        self._padded = padded

    def note(self, seconds: float, rows: int) -> None:
        """One UNet call for `rows` rows of pictures took `seconds`."""
        self.calls += 1
        self.seconds += seconds
        self.rows_used += rows
        self.rows_run += self._padded(rows)
