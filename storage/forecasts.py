"""Forecasts put to the test: the keeper notes now and then when a queued job should start, and later when it did.

A sample, beside the way of the jobs: noting a forecast at every submit would add a write to each.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

import sqlalchemy as sa

from storage.database import db_now, insert_once
from storage.forecast_tables import forecasts
from storage.job import TERMINAL
from storage.tables import jobs

KEPT_SECONDS = 86_400.0
NEWEST = 200
QUANTILE = 0.8
# Below this an estimate means "at once"; a share of next to nothing would say nothing.
SHORTEST_ETA = 1.0


def recent_errors(connection: sa.Connection) -> dict[str, float]:
    """By model, the share of its estimate by which four of five of the newest forecasts were off at most."""
    tried = sa.select(forecasts).where(forecasts.c.error_seconds.is_not(None))
    shares: dict[str, list[float]] = defaultdict(list)
    for row in connection.execute(tried.order_by(forecasts.c.made_at.desc()).limit(NEWEST)):
        shares[row.model_alias].append(abs(row.error_seconds) / max(row.eta_seconds, SHORTEST_ETA))
    return {alias: quantile(some) for alias, some in shares.items()}


def quantile(values: Iterable[float]) -> float:
    """The smallest of `values`, of which there is one at least, that QUANTILE of them do not exceed."""
    ordered = sorted(values)
    return ordered[math.ceil(QUANTILE * len(ordered)) - 1]


def note(connection: sa.Connection, job_id: str, model_alias: str, eta_seconds: float) -> None:
    """Notes a forecast, unless there is one of this job."""
    insert_once(connection, forecasts, {"job_id": job_id, "model_alias": model_alias, "eta_seconds": eta_seconds})


def settle(connection: sa.Connection) -> int:
    """Compares what was expected of jobs that have started with what happened; how many they were."""
    open_ones = sa.select(forecasts.c.job_id, forecasts.c.made_at, forecasts.c.eta_seconds, jobs.c.started_at)
    waiting = open_ones.join(jobs, jobs.c.id == forecasts.c.job_id).where(forecasts.c.error_seconds.is_(None))
    started = connection.execute(waiting.where(jobs.c.started_at.is_not(None))).all()
    for row in started:
        error = (row.started_at - row.made_at).total_seconds() - row.eta_seconds
        mine = sa.update(forecasts).where(forecasts.c.job_id == row.job_id)
        connection.execute(mine.values(error_seconds=error))
    return len(started)


def forget(connection: sa.Connection) -> None:
    """Removes forecasts of yesterday, and those of jobs that ended without a start."""
    never = sa.select(jobs.c.id).where(
        jobs.c.id == forecasts.c.job_id, jobs.c.started_at.is_(None), jobs.c.state.in_(sorted(TERMINAL))
    )
    old = forecasts.c.made_at < db_now(-KEPT_SECONDS)
    connection.execute(sa.delete(forecasts).where(sa.or_(old, never.exists())))
