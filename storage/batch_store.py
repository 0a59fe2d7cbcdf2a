"""Batches: opened when a body begins, closed when it ends, finished when the last job has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from storage.batch import BATCH_FINISHED, Batch, Tally
from storage.batch_tables import batches
from storage.database import Database, db_now
from storage.errors import BatchNotFound
from storage.events import Event, add_events
from storage.ids import new_id
from storage.job import TERMINAL, JobState
from storage.tables import jobs

_COLUMNS = [batches.c[name] for name in Batch.__slots__]
_UNENDED = [state for state in JobState if state not in TERMINAL]


@dataclass(frozen=True, slots=True)
class BatchPage:
    """Batches, newest first; `next_cursor` is None on the last page."""

    batches: tuple[Batch, ...]
    next_cursor: str | None


class BatchStore:
    """Batches of one tenant at a time, and the keeper's moves over all. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, tenant_id: str, *, key: str | None, metadata: dict[str, Any], webhook_id: str | None) -> Batch:
        """A new batch; or, where the tenant has one under this idempotency key, that one for another round.

        Whoever sent it before can add nothing from now on. Metadata and webhook stay those of the first time.
        """
        values = {"id": new_id("batch"), "tenant_id": tenant_id, "idempotency_key": key, "metadata": metadata}
        again: dict[str, Any] = {
            "round": batches.c.round + 1,
            "fed_at": db_now(),
            "closed_at": None,
            "finished_at": None,
        }
        again |= {"complete": False} | dict.fromkeys(("chunk", "lines", "accepted", "replayed", "refused"), 0)
        with self._database.transaction() as connection:
            insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
            made = insert(batches).values(**values, webhook_id=webhook_id, created_at=db_now(), fed_at=db_now())
            made = made.on_conflict_do_update(index_elements=["tenant_id", "idempotency_key"], set_=again)
            return _batch(connection.execute(made.returning(*_COLUMNS)).one())

    def close(self, batch: Batch, *, complete: bool) -> None:
        """Ends a round; `complete` says that the body was read to its end. Nothing happens if the round is over."""
        mine = (batches.c.id == batch.id, batches.c.round == batch.round, batches.c.closed_at.is_(None))
        with self._database.transaction() as connection:
            connection.execute(sa.update(batches).where(*mine).values(closed_at=db_now(), complete=complete))

    def get(self, batch_id: str, tenant_id: str) -> Batch:
        """The tenant's batch. Raises BatchNotFound, also for one of somebody else."""
        mine = sa.select(*_COLUMNS).where(batches.c.id == batch_id, batches.c.tenant_id == tenant_id)
        with self._database.reading() as connection:
            row = connection.execute(mine).one_or_none()
        if row is None:
            raise BatchNotFound(f"there is no batch {batch_id}")
        return _batch(row)

    def page(self, tenant_id: str, *, limit: int = 50, cursor: str | None = None) -> BatchPage:
        """Up to `limit` of the tenant's batches, newest first, older than the id `cursor`."""
        statement = sa.select(*_COLUMNS).where(batches.c.tenant_id == tenant_id)
        if cursor is not None:
            statement = statement.where(batches.c.id < cursor)
        with self._database.reading() as connection:
            rows = connection.execute(statement.order_by(batches.c.id.desc()).limit(limit + 1)).all()
        shown = tuple(_batch(row) for row in rows[:limit])
        return BatchPage(shown, shown[-1].id if len(rows) > limit else None)

    def tally(self, label: str, tenant_id: str) -> Tally:
        """How the tenant's jobs with this label stand: one count in an index."""
        with self._database.reading() as connection:
            return _tally(connection, label, tenant_id)

    def close_abandoned(self, *, older_than_seconds: float) -> int:
        """Closes what has been open without a word for so long: its sender's process is gone. How many there were."""
        is_open = sa.and_(batches.c.finished_at.is_(None), batches.c.closed_at.is_(None))
        silent = sa.and_(is_open, batches.c.fed_at < db_now(-older_than_seconds))
        if not self._has(silent):
            return 0
        with self._database.transaction() as connection:
            return connection.execute(sa.update(batches).where(silent).values(closed_at=db_now())).rowcount

    def finish(self) -> list[str]:
        """Finishes every closed batch whose jobs have all ended, each with its event, once; their ids.

        A job in a final state stays there, and a closed batch takes no more: what holds here goes on holding.
        """
        due = sa.and_(batches.c.finished_at.is_(None), batches.c.closed_at.is_not(None), ~_goes_on())
        if not self._has(due):
            return []
        finished = sa.update(batches).where(due).values(finished_at=db_now())
        with self._database.transaction() as connection:
            rows = connection.execute(finished.returning(batches.c.id, batches.c.tenant_id)).all()
            add_events(connection, [_event(row, _tally(connection, row.id, row.tenant_id)) for row in rows])
        return [row.id for row in rows]

    def _has(self, condition: sa.ColumnElement[bool]) -> bool:
        """Whether any batch is so: a keeper that has nothing to do takes no lock."""
        with self._database.reading() as connection:
            return connection.scalar(sa.select(batches.c.id).where(condition).limit(1)) is not None


def _goes_on() -> sa.ColumnElement[bool]:
    its = sa.and_(jobs.c.tenant_id == batches.c.tenant_id, jobs.c.batch == batches.c.id)
    return sa.exists().where(its, jobs.c.state.in_(_UNENDED))


def _event(row: sa.Row[Any], tally: Tally) -> Event:
    states: Mapping[str, int] = {state.value: count for state, count in tally.states.items()}
    return Event(None, row.tenant_id, 0, BATCH_FINISHED, {"jobs": {"total": tally.total, **states}}, batch_id=row.id)


def _tally(connection: sa.Connection, label: str, tenant_id: str) -> Tally:
    mine = sa.select(jobs.c.state, sa.func.count()).where(jobs.c.tenant_id == tenant_id, jobs.c.batch == label)
    rows = connection.execute(mine.group_by(jobs.c.state)).all()
    return Tally({JobState(state): count for state, count in rows})


def _batch(row: sa.Row[Any]) -> Batch:
    return Batch(**row._mapping)
