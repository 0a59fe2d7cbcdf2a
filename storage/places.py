"""Where queued jobs stand: how many are served before each, and how much work those are."""

from __future__ import annotations

from collections.abc import Sequence
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
    """The places of those of `some` that are queued, by id: one walk along the queue, however many they are.

    The order is that of claims, so the shares of tenants and priorities are in it. Jobs that a tenant's `max_running`
    holds back count as if they were free to go.
    """
    queued = [job for job in some if job.state is JobState.QUEUED]
    if not queued:
        return {}
    rows = connection.execute(_walk([job.id for job in queued], sorted({job.params.model for job in queued})))
    return {row.id: Place(row.position, row.rows_ahead) for row in rows}


def _walk(ids: Sequence[str], aliases: Sequence[str]) -> sa.Select[tuple[str, int, float]]:
    position = _over_those_before(sa.func.count()).label("position")
    rows_ahead = sa.func.coalesce(_over_those_before(sa.func.sum(jobs.c.cost)), 0.0).label("rows_ahead")
    last = sa.select(sa.func.max(jobs.c.fair_key)).where(jobs.c.id.in_(ids)).scalar_subquery()
    walked = sa.select(jobs.c.id, position, rows_ahead).where(
        QUEUED, jobs.c.model_alias.in_(aliases), jobs.c.fair_key <= last
    )
    line = walked.subquery("line")
    return sa.select(line.c.id, line.c.position, line.c.rows_ahead).where(line.c.id.in_(ids))


def _over_those_before(sums: sa.FunctionElement[Any]) -> sa.Over[Any]:
    return sums.over(partition_by=jobs.c.model_alias, order_by=(jobs.c.fair_key, jobs.c.id), rows=(None, -1))
