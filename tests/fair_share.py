"""The promise of the fair share, for tests: docs/decisions/0008 proves it."""

from __future__ import annotations

from collections.abc import Iterable


def worst_wait(cost: float, weight: float, others: Iterable[tuple[float, float]]) -> float:
    """The most work that is served before a job that is the first of its flow, in UNet rows.

    `others` are (weight, largest cost) of every other flow that may have jobs. What is already running is not in it.
    """
    return sum(other * cost / weight + largest for other, largest in others)
