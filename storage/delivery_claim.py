"""Which deliveries a sender takes next, in both databases."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.dml import ReturningUpdate

from storage.breaker import FAILURES
from storage.database import db_now
from storage.webhook import DeliveryState
from storage.webhook_tables import webhook_deliveries, webhook_endpoints

# Of one endpoint at a time, so that a slow receiver with a long backlog leaves room for the others.
PER_ENDPOINT = 4


def claim_deliveries(connection: sa.Connection, limit: int, lease_seconds: float) -> list[str]:
    """Leases up to `limit` due deliveries, each endpoint's oldest first, and returns their ids.

    Endpoints are taken in random order, so that none has to wait for another's backlog, and locked, so that no two
    callers get the same delivery or send two probes. However much waits, only the endpoints that have something due
    and the deliveries that are taken are looked at.
    """
    taken: list[str] = []
    for endpoint in connection.execute(_ready(limit)).all():
        room = min(endpoint.room - _under_way(connection, endpoint.id), limit - len(taken))
        if room > 0:
            taken += connection.scalars(_lease(endpoint.id, room, lease_seconds))
    return taken


def _ready(limit: int) -> sa.Select[Any]:
    """Endpoints with something due, and how many of their deliveries may be under way."""
    delivery, endpoint = webhook_deliveries.c, webhook_endpoints.c
    due = sa.select(delivery.endpoint_id).where(delivery.state == DeliveryState.PENDING, _is_due()).distinct()
    # Half open, the breaker lets one probe through.
    room = sa.case((endpoint.failures >= FAILURES, 1), else_=PER_ENDPOINT)
    closed = sa.or_(endpoint.opened_until.is_(None), endpoint.opened_until <= db_now())
    statement = sa.select(endpoint.id, room.label("room")).where(closed, endpoint.id.in_(due))
    return statement.order_by(sa.func.random()).limit(limit).with_for_update(skip_locked=True, of=webhook_endpoints)


def _under_way(connection: sa.Connection, endpoint_id: str) -> int:
    delivery = webhook_deliveries.c
    mine = sa.and_(delivery.endpoint_id == endpoint_id, delivery.state == DeliveryState.PENDING)
    leased = sa.and_(mine, delivery.leased_until.is_not(None), delivery.leased_until > db_now())
    return connection.scalar(sa.select(sa.func.count()).select_from(webhook_deliveries).where(leased)) or 0


def _lease(endpoint_id: str, room: int, lease_seconds: float) -> ReturningUpdate[Any]:
    delivery = webhook_deliveries.c
    mine = sa.and_(delivery.endpoint_id == endpoint_id, delivery.state == DeliveryState.PENDING, _is_due())
    oldest = sa.select(delivery.id).where(mine).order_by(delivery.next_at, delivery.id).limit(room)
    chosen = oldest.with_for_update(skip_locked=True).cte("chosen").prefix_with("MATERIALIZED", dialect="postgresql")
    leased = sa.update(webhook_deliveries).where(delivery.id.in_(sa.select(chosen.c.id)))
    return leased.values(leased_until=db_now(lease_seconds)).returning(delivery.id)


def _is_due() -> sa.ColumnElement[bool]:
    delivery = webhook_deliveries.c
    free = sa.or_(delivery.leased_until.is_(None), delivery.leased_until <= db_now())
    return sa.and_(delivery.next_at <= db_now(), free)
