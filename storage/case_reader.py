"""Reading cases for those who look at many: how queues stand, what a tenant has on record, what was decided lately."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from storage.case import Case, CaseState
from storage.case_store import PENDING, case_of
from storage.case_tables import cases
from storage.database import Database, db_now
from storage.tables import Moment


@dataclass(frozen=True, slots=True)
class QueueState:
    """How many cases wait in a queue, how many of them beyond their time, and the age of the oldest in seconds."""

    waiting: int
    late: int
    oldest_seconds: float


NOTHING = QueueState(0, 0, 0.0)


class CaseReader:
    """Reads of cases, over all tenants. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def queues(self) -> dict[str, QueueState]:
        """How each queue stands that anything waits in."""
        late = sa.func.sum(sa.case((cases.c.due_at < db_now(), 1), else_=0))
        oldest = sa.func.min(cases.c.opened_at)
        now = sa.type_coerce(db_now(), Moment)
        stands = sa.select(cases.c.queue, sa.func.count(), late, oldest, now).where(PENDING).group_by(cases.c.queue)
        with self._database.reading() as connection:
            rows = connection.execute(stands).all()
        return {row[0]: QueueState(row[1], int(row[2]), (row[4] - row[3]).total_seconds()) for row in rows}

    def of_tenant(self, tenant_id: str, *, limit: int = 20) -> list[Case]:
        """The tenant's newest cases, however they stand."""
        theirs = sa.select(cases).where(cases.c.tenant_id == tenant_id).order_by(cases.c.id.desc()).limit(limit)
        with self._database.reading() as connection:
            return [case_of(row) for row in connection.execute(theirs)]

    def decided(self, moderator: str | None = None, *, limit: int = 50, before: str | None = None) -> list[Case]:
        """Decided cases, the last decision first, behind the case `before`; one moderator's, or everybody's."""
        done = sa.select(cases).where(cases.c.state == CaseState.DECIDED)
        if moderator is not None:
            done = done.where(cases.c.decided_by == moderator)
        if before is not None:
            since = sa.select(cases.c.decided_at).where(cases.c.id == before).scalar_subquery()
            tie = sa.and_(cases.c.decided_at == since, cases.c.id < before)
            done = done.where(sa.or_(cases.c.decided_at < since, tie))
        newest_first = done.order_by(cases.c.decided_at.desc(), cases.c.id.desc()).limit(limit)
        with self._database.reading() as connection:
            return [case_of(row) for row in connection.execute(newest_first)]
