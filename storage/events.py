"""The history of jobs: every move appends a line in the transaction that makes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from storage.database import note_moved
from storage.ids import new_id
from storage.outbox import write_batch_deliveries, write_deliveries
from storage.record_set import insert_all
from storage.tables import job_events
from storage.webhook import EVENTS

FIRST_EVENT = "job.queued"


@dataclass(frozen=True, slots=True)
class Event:
    """A line to be written. `type` is `job.<what happened>`; `data` holds what a reader may see.

    Either `job_id` or `batch_id` says whose it is; `attempt` is 0 in an event of a batch. The id is made before the
    transaction, so that a commit whose answer was lost can be looked up.
    """

    job_id: str | None
    tenant_id: str
    attempt: int
    type: str
    data: dict[str, Any]
    batch_id: str | None = None
    id: str = field(default_factory=lambda: new_id("evt"))


def add_events(connection: sa.Connection, events: Sequence[Event]) -> None:
    """Appends all of them with one statement, and the deliveries of those that webhooks ask for with another."""
    if not events:
        return
    rows = [
        {
            "id": event.id,
            "job_id": event.job_id,
            "batch_id": event.batch_id,
            "tenant_id": event.tenant_id,
            "attempt": event.attempt,
            "type": event.type,
            "data": event.data,
        }
        for event in events
    ]
    insert_all(connection, job_events, rows)
    # Nobody can wait yet for a job that is being stored.
    moved = (event.job_id for event in events if event.attempt or event.type != FIRST_EVENT)
    note_moved(connection, [job_id for job_id in moved if job_id is not None])
    told = [event for event in events if event.type in EVENTS]
    write_deliveries(connection, [event.id for event in told if event.batch_id is None])
    write_batch_deliveries(connection, [event.id for event in told if event.batch_id is not None])


def known_events(connection: sa.Connection, ids: Sequence[str]) -> set[str]:
    """Those of `ids` that stand in the history."""
    return set(connection.scalars(sa.select(job_events.c.id).where(job_events.c.id.in_(ids))))
