"""Deliveries as their tenant sees them: listed, looked into, replayed, and a test sent on request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from storage.database import Database, db_now
from storage.errors import DeliveryNotFound, WebhookDisabled, WebhookNotFound
from storage.ids import new_id
from storage.webhook import DEFAULT, TEST_EVENT, Attempt, Delivery, DeliveryState
from storage.webhook_rows import attempt_of, delivery_of, is_live, owned
from storage.webhook_tables import webhook_attempts, webhook_deliveries, webhook_endpoints


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Deliveries, newest event first; `next_cursor` is None on the last page."""

    deliveries: tuple[Delivery, ...]
    next_cursor: str | None


class DeliveryLog:
    """What was sent to one of the tenant's endpoints; `default` stands for those that its jobs named themselves.

    Raises WebhookNotFound and DeliveryNotFound, also for what belongs to somebody else.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self,
        webhook_id: str,
        tenant_id: str,
        *,
        state: DeliveryState | None = None,
        job_id: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> DeliveryPage:
        """Up to `limit` deliveries that are older than the delivery id `cursor`."""
        delivery = webhook_deliveries.c
        statement = sa.select(webhook_deliveries).where(_of(webhook_id, tenant_id))
        for column, wanted in ((delivery.state, state), (delivery.job_id, job_id)):
            statement = statement if wanted is None else statement.where(column == wanted)
        if cursor is not None:
            statement = statement.where(delivery.id < cursor)
        with self._database.reading() as connection:
            _require(connection, webhook_id, tenant_id)
            rows = connection.execute(statement.order_by(delivery.id.desc()).limit(limit + 1)).all()
        shown = tuple(delivery_of(row) for row in rows[:limit])
        return DeliveryPage(shown, shown[-1].id if len(rows) > limit else None)

    def get(self, delivery_id: str, webhook_id: str, tenant_id: str) -> tuple[Delivery, list[Attempt]]:
        """One delivery with every attempt, oldest first."""
        one = sa.and_(webhook_deliveries.c.id == delivery_id, _of(webhook_id, tenant_id))
        log = sa.select(webhook_attempts).where(webhook_attempts.c.delivery_id == delivery_id)
        with self._database.reading() as connection:
            row = connection.execute(sa.select(webhook_deliveries).where(one)).one_or_none()
            if row is None:
                raise DeliveryNotFound(f"there is no delivery {delivery_id} of webhook {webhook_id}")
            attempts = [attempt_of(line) for line in connection.execute(log.order_by(webhook_attempts.c.id))]
        return delivery_of(row), attempts

    def replay(self, delivery_id: str, webhook_id: str, tenant_id: str) -> Delivery:
        """Sends one delivery again under the same id, whatever became of it. Raises WebhookDisabled."""
        one = sa.and_(webhook_deliveries.c.id == delivery_id, _of(webhook_id, tenant_id))
        with self._database.transaction() as connection:
            if connection.execute(sa.select(webhook_deliveries.c.id).where(one)).one_or_none() is None:
                raise DeliveryNotFound(f"there is no delivery {delivery_id} of webhook {webhook_id}")
            row = connection.execute(_again(one).returning(webhook_deliveries)).one_or_none()
        if row is None:
            raise WebhookDisabled(_DISABLED)
        return delivery_of(row)

    def replay_range(
        self, webhook_id: str, tenant_id: str, *, since: datetime, until: datetime, failed_only: bool
    ) -> int:
        """Sends what was created in [since, until) again, and returns how many. Raises WebhookDisabled."""
        delivery = webhook_deliveries.c
        chosen = sa.and_(_of(webhook_id, tenant_id), delivery.created_at >= since, delivery.created_at < until)
        states = [DeliveryState.FAILED] if failed_only else [DeliveryState.FAILED, DeliveryState.DELIVERED]
        with self._database.transaction() as connection:
            _require_live(connection, webhook_id, tenant_id)
            return connection.execute(_again(sa.and_(chosen, delivery.state.in_(states)))).rowcount

    def test(self, webhook_id: str, tenant_id: str, payload: str) -> Delivery:
        """A delivery of type `webhook.test` that sends `payload`. Raises WebhookDisabled."""
        event_id = new_id("evt")
        values = {
            "id": f"dlv_{event_id[4:]}_{webhook_id[4:]}",
            "tenant_id": tenant_id,
            "endpoint_id": webhook_id,
            "event_id": event_id,
            "type": TEST_EVENT,
            "payload": payload,
            "state": DeliveryState.PENDING,
            "next_at": db_now(),
            "created_at": db_now(),
        }
        statement = sa.insert(webhook_deliveries).values(**values).returning(webhook_deliveries)
        with self._database.transaction() as connection:
            _require_live(connection, webhook_id, tenant_id)
            return delivery_of(connection.execute(statement).one())


_DISABLED = "the webhook is disabled; enable it first"


def _again(chosen: sa.ColumnElement[bool]) -> sa.Update:
    live = webhook_deliveries.c.endpoint_id.in_(sa.select(webhook_endpoints.c.id).where(is_live()))
    values: dict[str, Any] = {"state": DeliveryState.PENDING, "attempts": 0, "delivered_at": None}
    # A lease stays: what is being sent at this moment is not sent twice at once.
    return sa.update(webhook_deliveries).where(chosen, live).values(**values, next_at=db_now())


def _of(webhook_id: str, tenant_id: str) -> sa.ColumnElement[bool]:
    delivery = webhook_deliveries.c
    endpoints = sa.select(webhook_endpoints.c.id).where(owned(webhook_id, tenant_id))
    return sa.and_(delivery.tenant_id == tenant_id, delivery.endpoint_id.in_(endpoints))


def _require(connection: sa.Connection, webhook_id: str, tenant_id: str) -> None:
    endpoint = sa.select(webhook_endpoints.c.id).where(owned(webhook_id, tenant_id)).limit(1)
    if webhook_id != DEFAULT and connection.execute(endpoint).one_or_none() is None:
        raise WebhookNotFound(f"there is no webhook {webhook_id}")


def _require_live(connection: sa.Connection, webhook_id: str, tenant_id: str) -> None:
    _require(connection, webhook_id, tenant_id)
    live = sa.select(webhook_endpoints.c.id).where(owned(webhook_id, tenant_id), is_live()).limit(1)
    if webhook_id != DEFAULT and connection.execute(live).one_or_none() is None:
        raise WebhookDisabled(_DISABLED)
