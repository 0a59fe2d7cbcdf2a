"""Review in figures: time to decision, and how many refusals did not stand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from storage.case import CaseKind, Choice
from storage.case_statistics import CaseStatistics, Tally

DAYS = 30.0


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds that half, and 95 of 100, of the decisions took at most; None where there were none."""

    half: float | None
    most: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """Of the last days. `waiting` is from opened to decided, `working` from first given to decided."""

    tallies: list[Tally]
    waiting: Times
    working: Times

    @property
    def refusals(self) -> int:
        """Decisions that refused a held job or withdrew a result."""
        return sum(t.decided for t in self.tallies if t.kind is not CaseKind.APPEAL and t.choice is Choice.REJECT)

    @property
    def overturned(self) -> int:
        """Refusals that were undone, and appeals that were granted."""
        undone = sum(t.undone for t in self.tallies if t.kind is not CaseKind.APPEAL and t.choice is Choice.REJECT)
        return undone + sum(t.decided for t in self.tallies if t.kind is CaseKind.APPEAL and t.choice is Choice.APPROVE)

    @property
    def overturn_rate(self) -> float | None:
        """Share of the refusals, 0..1; an appeal may be about an older one. None without a refusal."""
        return min(1.0, self.overturned / self.refusals) if self.refusals else None


def figures(statistics: CaseStatistics, days: float = DAYS) -> Figures:
    """The figures of the last days. Raises DatabaseUnavailable."""
    spans = statistics.spans(days)
    waiting, working = ([span[which] for span in spans] for which in (0, 1))
    return Figures(statistics.tallies(days), times(waiting), times(working))


def times(seconds: Sequence[float]) -> Times:
    """By nearest rank."""
    ordered = sorted(seconds)
    return Times(_rank(ordered, 0.5), _rank(ordered, 0.95))


def _rank(ordered: Sequence[float], share: float) -> float | None:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None
