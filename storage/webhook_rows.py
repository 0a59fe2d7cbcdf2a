"""What the stores of webhooks share: rows as values, and the conditions and changes that both need."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from storage.database import db_now
from storage.tables import Moment
from storage.webhook import DEFAULT, Attempt, Delivery, DeliveryState, Endpoint, split
from storage.webhook_tables import webhook_deliveries, webhook_endpoints


def endpoint_of(row: sa.Row[Any]) -> Endpoint:
    """The Endpoint in a row of `webhook_endpoints`."""
    values = {name: getattr(row, name) for name in Endpoint.__slots__}
    return Endpoint(**{**values, "events": split(row.events)})


def delivery_of(row: sa.Row[Any]) -> Delivery:
    """The Delivery in a row of `webhook_deliveries`."""
    values = {name: getattr(row, name) for name in Delivery.__slots__}
    return Delivery(**{**values, "state": DeliveryState(row.state)})


def attempt_of(row: sa.Row[Any]) -> Attempt:
    """The Attempt in a row of `webhook_attempts`."""
    return Attempt(**{name: getattr(row, name) for name in Attempt.__slots__})


def now_of(connection: sa.Connection) -> datetime:
    """The database's own time, which is the only clock that secrets and breakers go by."""
    return connection.execute(sa.select(sa.type_coerce(db_now(), Moment))).scalar_one()


def owned(webhook_id: str, tenant_id: str) -> sa.ColumnElement[bool]:
    """The tenant's endpoint of this id; `default`: every endpoint that its jobs named themselves."""
    endpoint = webhook_endpoints.c
    chosen = endpoint.all_jobs.is_(False) if webhook_id == DEFAULT else endpoint.id == webhook_id
    return sa.and_(endpoint.tenant_id == tenant_id, chosen, endpoint.deleted_at.is_(None))


def is_live() -> sa.ColumnElement[bool]:
    """Whether anything is sent to an endpoint at all."""
    return sa.and_(webhook_endpoints.c.disabled_at.is_(None), webhook_endpoints.c.deleted_at.is_(None))


def disabling(reason: str) -> dict[str, Any]:
    """The values that disable an endpoint; the first reason and time stay."""
    endpoint = webhook_endpoints.c
    return {
        "disabled_at": sa.func.coalesce(endpoint.disabled_at, db_now()),
        "disabled_reason": sa.func.coalesce(endpoint.disabled_reason, reason),
    }


def drop_waiting(connection: sa.Connection, webhook_id: str) -> None:
    """Fails what still waits for an endpoint that was disabled; a replay brings it back."""
    waiting = sa.and_(
        webhook_deliveries.c.endpoint_id == webhook_id, webhook_deliveries.c.state == DeliveryState.PENDING
    )
    values = {"state": DeliveryState.FAILED, "leased_until": None}
    connection.execute(sa.update(webhook_deliveries).where(waiting).values(**values))
