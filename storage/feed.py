"""The events of a tenant across all its jobs, in an order in which nothing is ever put in before what was read.

Ids are made by many machines, before the commit, so that neither they nor the time of an event tell what a reader has
yet to see. Events are shown by (time of the INSERT by the database's clock, id), and only up to a horizon before which
no transaction can add any: docs/decisions/0025.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from storage.database import Database, db_now
from storage.errors import EventNotFound
from storage.job import JobEvent
from storage.rows import event_of
from storage.tables import Moment, job_events

# Covers what the look at running transactions cannot: one that begins while it is made, and clocks that are set.
LAG_SECONDS = 1.0
# With a filter, so many events are looked through for a page at most.
LOOKED_THROUGH = 1000


class _oldest_writer(sa.sql.functions.FunctionElement[Any]):  # noqa: N801  (named like the SQL function it is)
    """When the oldest transaction of this database began that has written something and is not over; else NULL."""

    type = sa.DateTime(timezone=True)
    inherit_cache = True
    name = "oldest_writer"


@compiles(_oldest_writer, "postgresql")
def _oldest_writer_postgresql(_element: _oldest_writer, _compiler: Any, **_kw: Any) -> str:
    return (
        "(SELECT min(xact_start) FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() "
        "AND datname = current_database() AND backend_type = 'client backend')"
    )


@compiles(_oldest_writer, "sqlite")
def _oldest_writer_sqlite(_element: _oldest_writer, _compiler: Any, **_kw: Any) -> str:
    return "NULL"  # there is one writer, and the reader waits for its turn: see _horizon


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Events, oldest first. `last` is the event after which the next page begins, None where none was looked at."""

    events: tuple[JobEvent, ...]
    last: str | None
    has_more: bool


class Feed:
    """Reads the feed of one tenant at a time. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database, lag_seconds: float = LAG_SECONDS) -> None:
        self._database = database
        self._lag_seconds = lag_seconds

    def page(
        self,
        tenant_id: str,
        *,
        after: str | None = None,
        since: datetime | None = None,
        types: Collection[str] = (),
        limit: int = 100,
    ) -> FeedPage:
        """Up to `limit` events after the event `after`, or from `since` on, or from the first one on.

        Raises EventNotFound when the tenant has no event `after`.
        """
        horizon = self._horizon()
        looked_through = LOOKED_THROUGH if types else limit
        with self._database.reading() as connection:
            begin = _after(connection, tenant_id, after) if after is not None else _since(since)
            mine = sa.and_(job_events.c.tenant_id == tenant_id, job_events.c.at < horizon, begin)
            page = sa.select(job_events).where(mine).order_by(job_events.c.at, job_events.c.id)
            rows = connection.execute(page.limit(looked_through + 1)).all()
        return _page([event_of(row) for row in rows], looked_through, types, limit)

    def _horizon(self) -> datetime:
        """Before this, no event will be added any more."""
        earliest = sa.func.coalesce(_oldest_writer(), db_now())
        # Read before the events, in a transaction of its own: who wrote until then is seen by the next one.
        statement = sa.select(sa.type_coerce(earliest, Moment), sa.type_coerce(db_now(-self._lag_seconds), Moment))
        # A writer's turn in SQLite, which comes when every other writer is done; in PostgreSQL it writes nothing.
        with self._database.transaction() as connection:
            writer, lagging = connection.execute(statement).one()
        return min(writer, lagging)


def _after(connection: sa.Connection, tenant_id: str, event_id: str) -> sa.ColumnElement[bool]:
    known = sa.select(job_events.c.at).where(job_events.c.id == event_id, job_events.c.tenant_id == tenant_id)
    at = connection.scalar(known)
    if at is None:
        raise EventNotFound(f"there is no event {event_id}")
    return sa.tuple_(job_events.c.at, job_events.c.id) > sa.tuple_(sa.literal(at, Moment), event_id)


def _since(since: datetime | None) -> sa.ColumnElement[bool]:
    return sa.true() if since is None else job_events.c.at >= since


def _page(looked_at: list[JobEvent], looked_through: int, types: Collection[str], limit: int) -> FeedPage:
    shown = looked_at[:looked_through]
    wanted = [event for event in shown if not types or event.type in types]
    if len(wanted) > limit:
        wanted = wanted[:limit]
        return FeedPage(tuple(wanted), wanted[-1].id, has_more=True)
    return FeedPage(tuple(wanted), shown[-1].id if shown else None, has_more=len(looked_at) > looked_through)
