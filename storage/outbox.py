"""The outbox: deliveries are written by the very transaction that writes the event, so neither exists alone."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import sqlalchemy as sa

from storage.batch_tables import batches
from storage.database import db_now
from storage.record_set import record_set, rows_param
from storage.tables import job_events, jobs
from storage.webhook import DeliveryState
from storage.webhook_tables import webhook_deliveries, webhook_endpoints

_COLUMNS = ("id", "tenant_id", "endpoint_id", "event_id", "job_id", "type", "state", "next_at", "created_at")


def write_deliveries(connection: sa.Connection, event_ids: Sequence[str]) -> None:
    """One delivery for each of these events and each live endpoint that wants it, in one statement."""
    if event_ids:
        events = rows_param([{"id": event_id} for event_id in event_ids])
        connection.execute(_statement(connection.dialect.name), events)


def write_batch_deliveries(connection: sa.Connection, event_ids: Sequence[str]) -> None:
    """The same for events of batches."""
    if event_ids:
        events = rows_param([{"id": event_id} for event_id in event_ids])
        connection.execute(_batch_statement(connection.dialect.name), events)


@functools.cache
def _statement(dialect: str) -> sa.Insert:
    # Built once: putting it together costs more than running it.
    given = _given(dialect)
    return _insert(sa.union_all(_to_endpoints(given), _to_own_endpoint(given)))


@functools.cache
def _batch_statement(dialect: str) -> sa.Insert:
    given = _given(dialect)
    return _insert(sa.union_all(_to_endpoints(given), _to_own_endpoint_of_batch(given)))


def _given(dialect: str) -> sa.Select[tuple[str]]:
    return sa.select(record_set(dialect, [("id", job_events.c.id.type)]).c.id)


def _insert(rows: sa.CompoundSelect[tuple[object, ...]]) -> sa.Insert:
    return sa.insert(webhook_deliveries).from_select(_COLUMNS, rows)


def _to_endpoints(given: sa.Select[tuple[str]]) -> sa.Select[tuple[object, ...]]:
    mine = sa.and_(webhook_endpoints.c.tenant_id == job_events.c.tenant_id, webhook_endpoints.c.all_jobs)
    return _rows().select_from(job_events.join(webhook_endpoints, mine)).where(*_wanted(given))


def _to_own_endpoint(given: sa.Select[tuple[str]]) -> sa.Select[tuple[object, ...]]:
    # Apart from the others and by its primary key: a tenant may have one implicit endpoint for every job.
    named = job_events.join(jobs, jobs.c.id == job_events.c.job_id).join(
        webhook_endpoints, webhook_endpoints.c.id == jobs.c.webhook_id
    )
    return _rows().select_from(named).where(*_wanted(given))


def _to_own_endpoint_of_batch(given: sa.Select[tuple[str]]) -> sa.Select[tuple[object, ...]]:
    named = job_events.join(batches, batches.c.id == job_events.c.batch_id).join(
        webhook_endpoints, webhook_endpoints.c.id == batches.c.webhook_id
    )
    return _rows().select_from(named).where(*_wanted(given))


def _rows() -> sa.Select[tuple[object, ...]]:
    event, endpoint = job_events.c, webhook_endpoints.c
    delivery_id = sa.literal("dlv_") + sa.func.substr(event.id, 5) + "_" + sa.func.substr(endpoint.id, 5)
    state = sa.literal(DeliveryState.PENDING.value)
    return sa.select(
        delivery_id, event.tenant_id, endpoint.id, event.id, event.job_id, event.type, state, db_now(), db_now()
    )


def _wanted(given: sa.Select[tuple[str]]) -> tuple[sa.ColumnElement[bool], ...]:
    asked_for = webhook_endpoints.c.events.like(sa.literal("%,") + job_events.c.type + ",%")
    live = (webhook_endpoints.c.disabled_at.is_(None), webhook_endpoints.c.deleted_at.is_(None))
    return (job_events.c.id.in_(given), asked_for, *live)
