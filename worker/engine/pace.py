"""How fast the device is."""

from __future__ import annotations

WEIGHT = 0.1


class Pace:
    """Device seconds of one step of one picture: a UNet call's time, divided among those who shared it.

    Written by the engine's thread only; anyone may read. None until the first call.
    """

    def __init__(self) -> None:
        self.last: float | None = None
        self.mean: float | None = None
        """Over roughly the last ten calls."""

    def note(self, seconds: float, sharers: int) -> None:
        """One UNet call took `seconds`."""
        self.last = seconds / sharers
        self.mean = self.last if self.mean is None else (1 - WEIGHT) * self.mean + WEIGHT * self.last
