"""What grows and what does not: a trend that neither noise, nor a sawtooth, nor a single peak can bend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# A piece is summed up by its median: a peak vanishes, and the pairs of points stay few however long the run was.
PIECES = 40
EDGE = 0.1
HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Bound:
    """What may be added over the time that is judged: a share of what was there, or `slack` where that is more.

    Nothing is said of fewer than `least_seconds` after `warm_seconds`.
    """

    warm_seconds: float
    least_seconds: float
    share: float = 0.05
    slack: float = 0.0


@dataclass(frozen=True, slots=True)
class Trend:
    """A series after its warm-up. `start` and `end` are medians of its first and last tenth; `rise` is what the line
    through it adds over `seconds`, in the unit of the series."""

    start: float
    end: float
    rise: float
    peak: float
    seconds: float

    @property
    def percent_an_hour(self) -> float:
        """The slope, in percent of the start."""
        return 100.0 * self.rise / max(self.start, 1e-9) / self.seconds * HOUR

    def grows(self, bound: Bound) -> bool:
        """True beyond the bound."""
        return self.rise > max(bound.share * self.start, bound.slack)


def trend(times: Sequence[float], values: Sequence[float], bound: Bound) -> Trend | None:
    """The trend of `values` at `times` (seconds, rising), the first of which is the beginning; None: too short.

    The line is Theil and Sen's: the median slope of all pairs of points (Sen 1968), here of the medians of PIECES.
    """
    t, v = np.asarray(times, float), np.asarray(values, float)
    warm = t >= t[0] + bound.warm_seconds if len(t) else np.zeros(0, bool)
    t, v = t[warm], v[warm]
    if len(t) < 3 or t[-1] - t[0] < bound.least_seconds:
        return None
    seconds, edge = float(t[-1] - t[0]), max(1, round(len(v) * EDGE))
    return Trend(
        start=float(np.median(v[:edge])),
        end=float(np.median(v[-edge:])),
        rise=_slope(t, v) * seconds,
        peak=float(v.max()),
        seconds=seconds,
    )


def _slope(t: np.ndarray, v: np.ndarray) -> float:
    pieces = min(PIECES, len(t))
    x = np.array([np.median(piece) for piece in np.array_split(t, pieces)])
    y = np.array([np.median(piece) for piece in np.array_split(v, pieces)])
    first, second = np.triu_indices(pieces, k=1)
    return float(np.median((y[second] - y[first]) / (x[second] - x[first])))
