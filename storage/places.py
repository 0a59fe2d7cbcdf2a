"""Where queued jobs stand: how many are served before each, and how much work those are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from storage.job import Job, JobState
from storage.tables import jobs

# A literal instead of a parameter, so that a prepared plan, too, may use the index of queued jobs alone.
QUEUED = jobs.c.state == sa.literal_column("'queued'")


@dataclass(frozen=True, slots=True)
class Place:
    """`position` jobs of the same model are served before this one; together they cost `rows_ahead` UNet rows."""

    position: int
    rows_ahead: float


def places(connection: sa.Connection, some: Sequence[Job]) -> dict[str, Place]:
    """The places of those of `some` that are queued, by id: one walk along the queue, as far as the last of them.

    The order is that of claims, so the shares of tenants and priorities are in it. Jobs that a tenant's `max_running`
    holds back count as if they were free to go.
    """
    queued = [job.id for job in some if job.state is JobState.QUEUED]
    if not queued:
        return {}
    # Read first and not as part of the walk: the planner must know how short the walk is.
    ends = sa.select(jobs.c.model_alias, sa.func.max(jobs.c.fair_key).label("last")).where(jobs.c.id.in_(queued))
    last = {row.model_alias: row.last for row in connection.execute(ends.group_by(jobs.c.model_alias))}
    return places_up_to(connection, queued, last)


def places_up_to(connection: sa.Connection, ids: Sequence[str], last: Mapping[str, float]) -> dict[str, Place]:
    """The places of the jobs `ids`, of which none has a fair key beyond `last`, which is by model alias."""
    rows = connection.execute(_walk(ids, last))
    return {row.id: Place(row.position, row.rows_ahead) for row in rows}


def _walk(ids: Sequence[str], last: Mapping[str, float]) -> sa.Select[tuple[str, int, float]]:
    position = _over_those_before(sa.func.count()).label("position")
    rows_ahead = sa.func.coalesce(_over_those_before(sa.func.sum(jobs.c.cost)), 0.0).label("rows_ahead")
    lines = [sa.and_(jobs.c.model_alias == alias, jobs.c.fair_key <= key) for alias, key in last.items()]
    line = sa.select(jobs.c.id, position, rows_ahead).where(QUEUED, sa.or_(*lines)).subquery("line")
    return sa.select(line.c.id, line.c.position, line.c.rows_ahead).where(line.c.id.in_(ids))


def _over_those_before(sums: sa.FunctionElement[Any]) -> sa.Over[Any]:
    return sums.over(partition_by=jobs.c.model_alias, order_by=(jobs.c.fair_key, jobs.c.id), rows=(None, -1))
