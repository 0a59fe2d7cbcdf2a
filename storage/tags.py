"""Finish tags in SQL: the last one of each flow, and the virtual time of each model. See storage/fairness.py."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from storage.fairness import fair_key
from storage.job import NewJob
from storage.tables import jobs, shares


class Flow(NamedTuple):
    """What shares a chain of tags. Models have queues of their own, which run at speeds of their own."""

    tenant_id: str
    model_alias: str
    priority: str

    @classmethod
    def of(cls, new: NewJob) -> Flow:
        """The flow of a job."""
        return cls(new.tenant_id, new.params.model, str(new.priority))


def draw_tags(connection: sa.Connection, news: Sequence[NewJob], weights: Mapping[str, float]) -> dict[str, float]:
    """The tag of each job by its id, in order; `weights` are those of the tenants, whose rows the caller has locked."""
    times = {alias: _virtual_time(connection, alias) for alias in {new.params.model for new in news}}
    stored = connection.execute(sa.select(shares).where(shares.c.tenant_id.in_(weights)))
    known = {Flow(row.tenant_id, row.model_alias, row.priority): row.last_key for row in stored}
    last = defaultdict(float, known)
    tags: dict[str, float] = {}
    for new in news:
        flow = Flow.of(new)
        last[flow] = tags[new.id] = fair_key(
            virtual_time=times[flow.model_alias],
            last_key=last[flow],
            cost=new.cost,
            tenant_weight=weights[new.tenant_id],
            priority_weight=new.priority.weight,
        )
    _keep(connection, {flow: last[flow] for flow in map(Flow.of, news)}, set(known))
    return tags


def _virtual_time(connection: sa.Connection, model_alias: str) -> float:
    claimed = sa.and_(jobs.c.attempt > 0, jobs.c.model_alias == model_alias)
    return connection.scalar(sa.select(sa.func.max(jobs.c.fair_key)).where(claimed)) or 0.0


def _keep(connection: sa.Connection, last: Mapping[Flow, float], known: set[Flow]) -> None:
    mine = [shares.c[name] == sa.bindparam(f"its_{name}") for name in Flow._fields]
    old = [_its(flow) | {"last_key": last[flow]} for flow in last if flow in known]
    new = [flow._asdict() | {"last_key": last[flow]} for flow in last if flow not in known]
    if old:
        connection.execute(sa.update(shares).where(*mine), old)
    if new:
        connection.execute(sa.insert(shares), new)


def _its(flow: Flow) -> dict[str, Any]:
    return {f"its_{name}": value for name, value in flow._asdict().items()}
