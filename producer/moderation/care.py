"""How much a moderator may look at, and when it is time for a break."""

from __future__ import annotations

from dataclasses import dataclass

from safety.review_schema import Exposure
from storage.exposure_store import ExposureStore, Seen

UNSEEN_SEVERITY = 6
"""From here on nothing of a case's pictures is shown beforehand, not even blurred."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left to a moderator. `weight` of `limit` is used; `break_seconds` above 0: nothing more until then.

    `without` are the categories of which it was enough for today.
    """

    weight: float
    limit: float
    break_seconds: float
    without: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Care:
    """The limits of the policy against what a moderator has seen."""

    exposures: ExposureStore
    limits: Exposure

    def allowance(self, moderator: str) -> Allowance:
        """What the moderator may still see now. Raises DatabaseUnavailable."""
        return allowance(self.exposures.seen(moderator, self.limits.hours * 3600.0), self.limits)


def allowance(seen: Seen, limits: Exposure) -> Allowance:
    """The budget is full when what was seen within the window weighs `limit`; then a break counts from the last case.

    After the break one may go on as far as the window allows: what fell out of it weighs nothing any more.
    """
    weights = {int(severity): weight for severity, weight in limits.weights.items()}
    weight = sum(weights.get(severity, 0.0) * count for severity, count in seen.by_severity.items())
    since = float("inf") if seen.seconds_ago is None else seen.seconds_ago
    rest = max(0.0, limits.break_minutes * 60.0 - since) if weight >= limits.limit else 0.0
    without = tuple(sorted(c for c, most in limits.daily.items() if seen.by_category.get(c, 0) >= most))
    return Allowance(weight, limits.limit, rest, without)
