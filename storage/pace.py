"""How fast a model's jobs were done lately: pure arithmetic over jobs that ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Run:
    """A job that was painted: its cost in UNet rows, and from when to when it ran."""

    rows: float
    started_at: datetime
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class Pace:
    """`rows_per_second` is that of all workers together, `seconds_per_row` that of one job among others."""

    rows_per_second: float
    seconds_per_row: float


def pace_of(runs: Sequence[Run]) -> Pace | None:
    """The pace of these jobs of one model; None where they took no time, or there are none.

    Time in which none of them ran does not count, for an idle machine is not a slow one.
    """
    rows = sum(run.rows for run in runs)
    busy = _busy_seconds(runs)
    if rows <= 0 or busy <= 0:
        return None
    alone = sum((run.finished_at - run.started_at).total_seconds() for run in runs)
    return Pace(rows / busy, alone / rows)


def _busy_seconds(runs: Sequence[Run]) -> float:
    """The length of the union of all runs."""
    busy, until = 0.0, None
    for run in sorted(runs, key=lambda run: run.started_at):
        start = run.started_at if until is None else max(run.started_at, until)
        busy += max(0.0, (run.finished_at - start).total_seconds())
        until = run.finished_at if until is None else max(until, run.finished_at)
    return busy
