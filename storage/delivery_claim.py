"""Which deliveries a sender takes next: one statement, in both databases."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.dml import ReturningUpdate

from storage.breaker import FAILURES
from storage.database import db_now, db_now_once
from storage.webhook import DeliveryState
from storage.webhook_tables import webhook_deliveries, webhook_endpoints

# Of one endpoint at a time, so that a slow receiver with a long backlog leaves room for the others.
PER_ENDPOINT = 4


def claim_statement(limit: int, lease_seconds: float) -> ReturningUpdate[Any]:
    """Leases up to `limit` due deliveries, oldest first, and returns their ids; no two callers get the same one."""
    delivery = webhook_deliveries.c
    ranked = _ranked()
    free = sa.or_(delivery.leased_until.is_(None), delivery.leased_until <= db_now_once())
    chosen = (
        sa.select(delivery.id)
        .join(ranked, ranked.c.id == delivery.id)
        # Said again of the locked row itself: it may have been claimed since it was ranked.
        .where(delivery.state == DeliveryState.PENDING, delivery.next_at <= db_now_once(), free)
        .where(ranked.c.place <= ranked.c.room)
        .order_by(delivery.next_at, delivery.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=webhook_deliveries)
        .cte("chosen")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    return (
        sa.update(webhook_deliveries)
        .where(delivery.id.in_(sa.select(chosen.c.id)))
        .values(leased_until=db_now(lease_seconds))
        .returning(delivery.id)
    )


def _ranked() -> sa.CTE:
    """Everything due with its place among its endpoint's, those under way first, and how many places there are."""
    delivery, endpoint = webhook_deliveries.c, webhook_endpoints.c
    waits = sa.case((delivery.leased_until > db_now_once(), 0), else_=1)
    place = sa.func.row_number().over(
        partition_by=delivery.endpoint_id, order_by=(waits, delivery.next_at, delivery.id)
    )
    # Half open, the breaker lets one probe through: whatever is under way is that probe.
    room = sa.case((endpoint.failures >= FAILURES, 1), else_=PER_ENDPOINT)
    closed = sa.or_(endpoint.opened_until.is_(None), endpoint.opened_until <= db_now_once())
    return (
        sa.select(delivery.id, place.label("place"), room.label("room"))
        .join(webhook_endpoints, endpoint.id == delivery.endpoint_id)
        .where(delivery.state == DeliveryState.PENDING, delivery.next_at <= db_now_once(), closed)
        .cte("ranked")
    )
