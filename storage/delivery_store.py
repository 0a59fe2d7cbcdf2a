"""Deliveries of webhooks as a sender sees them: claimed under a lease, frozen, recorded.

At least once, by intent: a sender that dies after sending and before recording leaves a lease that ends, and the same
delivery is sent again under the same id.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from storage.breaker import Breaker
from storage.database import Database, db_now
from storage.delivery_claim import claim_deliveries
from storage.ids import new_id
from storage.tables import job_events, jobs
from storage.webhook import Claimed, DeliveryState, Outcome
from storage.webhook_rows import delivery_of, disabling, drop_waiting, now_of
from storage.webhook_schedule import seconds_until_next
from storage.webhook_secrets import valid
from storage.webhook_tables import webhook_attempts, webhook_defaults, webhook_deliveries, webhook_endpoints

# Longer than the slowest attempt, name resolution included.
LEASE_SECONDS = 60.0
MAX_ERROR, MAX_ANSWER = 300, 500
_GONE = "the receiver answered 410 Gone"


class DeliveryStore:
    """The outbox from its far end. `chance` gives numbers in [0, 1) for the jitter of the schedule."""

    def __init__(
        self,
        database: Database,
        lease_seconds: float = LEASE_SECONDS,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._lease_seconds = lease_seconds
        self._chance = chance

    def claim(self, limit: int) -> list[Claimed]:
        """Up to `limit` due deliveries, oldest first, few of one endpoint, none of an endpoint that is open."""
        with self._database.transaction() as connection:
            ids = claim_deliveries(connection, limit, self._lease_seconds)
            rows = connection.execute(_with_endpoints(ids)).all() if ids else []
            now = now_of(connection)
        return [
            Claimed(
                delivery=delivery_of(row),
                url=row.url,
                secrets=tuple(secret.text for secret in valid(row.secrets or row.default_secrets, now)),
                payload=row.payload,
                happened_at=row.happened_at or row.created_at,
                is_wanted=row.is_wanted,
                is_own=not row.all_jobs,
                batch_id=row.batch_id,
                trace=row.trace,
            )
            for row in rows
        ]

    def freeze(self, delivery_id: str, payload: str) -> str:
        """Keeps `payload` for this and every later attempt, and returns it; or the one that was kept before."""
        delivery = webhook_deliveries.c
        fresh = sa.update(webhook_deliveries).where(delivery.id == delivery_id, delivery.payload.is_(None))
        with self._database.transaction() as connection:
            connection.execute(fresh.values(payload=payload))
            kept: str = connection.execute(sa.select(delivery.payload).where(delivery.id == delivery_id)).scalar_one()
        return kept

    def drop(self, claimed: Claimed) -> None:
        """Ends a delivery whose endpoint no longer wants it, without an attempt."""
        values = {"state": DeliveryState.FAILED, "leased_until": None}
        with self._database.transaction() as connection:
            connection.execute(_own(claimed).values(**values))

    def record(self, claimed: Claimed, outcome: Outcome) -> None:
        """Writes the log, and what follows from it for the delivery and its endpoint."""
        with self._database.transaction() as connection:
            # Endpoint before delivery, everywhere: the one order of locks.
            if outcome.is_success:
                _close(connection, claimed.delivery.endpoint_id)
                connection.execute(_delivered(claimed))
            else:
                self._failed(connection, claimed, outcome)
            connection.execute(sa.insert(webhook_attempts).values(**_log_line(claimed, outcome)))

    def _failed(self, connection: sa.Connection, claimed: Claimed, outcome: Outcome) -> None:
        _count_failure(connection, claimed.delivery.endpoint_id)
        made = claimed.delivery.attempts + 1
        wait = seconds_until_next(made, chance=self._chance(), wish=outcome.retry_after)
        values: dict[str, Any] = {"attempts": made, "leased_until": None}
        if wait is None:
            values["state"] = DeliveryState.FAILED
        else:
            values["next_at"] = db_now(wait)
        connection.execute(_own(claimed).values(**values))
        if outcome.is_gone:
            endpoint = claimed.delivery.endpoint_id
            disabled = sa.update(webhook_endpoints).where(webhook_endpoints.c.id == endpoint)
            connection.execute(disabled.values(**disabling(_GONE)))
            drop_waiting(connection, endpoint)


def _with_endpoints(ids: list[str]) -> sa.Select[Any]:
    delivery, endpoint = webhook_deliveries, webhook_endpoints
    joined = (
        delivery.join(endpoint, endpoint.c.id == delivery.c.endpoint_id)
        .outerjoin(webhook_defaults, webhook_defaults.c.tenant_id == delivery.c.tenant_id)
        .outerjoin(job_events, job_events.c.id == delivery.c.event_id)
        .outerjoin(jobs, jobs.c.id == delivery.c.job_id)
    )
    wanted = sa.and_(endpoint.c.disabled_at.is_(None), endpoint.c.deleted_at.is_(None))
    return (
        sa.select(
            delivery,
            endpoint.c.url,
            endpoint.c.secrets,
            endpoint.c.all_jobs,
            webhook_defaults.c.secrets.label("default_secrets"),
            job_events.c.at.label("happened_at"),
            job_events.c.batch_id,
            jobs.c.trace,
            wanted.label("is_wanted"),
        )
        .select_from(joined)
        .where(delivery.c.id.in_(ids))
        .order_by(delivery.c.next_at, delivery.c.id)
    )


def _own(claimed: Claimed) -> sa.Update:
    # `attempts` is the fencing token: a sender that outlived its lease may log, but not decide.
    delivery = webhook_deliveries.c
    mine = (delivery.id == claimed.delivery.id, delivery.attempts == claimed.delivery.attempts)
    return sa.update(webhook_deliveries).where(*mine, delivery.state == DeliveryState.PENDING)


def _delivered(claimed: Claimed) -> sa.Update:
    # No fence here: whoever sent it, the receiver has it.
    delivery = webhook_deliveries.c
    values = {"state": DeliveryState.DELIVERED, "delivered_at": db_now(), "leased_until": None}
    statement = sa.update(webhook_deliveries).where(
        delivery.id == claimed.delivery.id, delivery.state != DeliveryState.DELIVERED
    )
    return statement.values(**values, attempts=claimed.delivery.attempts + 1)


def _close(connection: sa.Connection, endpoint_id: str) -> None:
    endpoint = webhook_endpoints.c
    # Only where there is something to close: a healthy endpoint's row is not written at every delivery.
    failing = sa.and_(endpoint.id == endpoint_id, endpoint.failures > 0)
    closed = Breaker().succeeded()
    values = {"failures": closed.failures, "opened_until": closed.opened_until}
    connection.execute(sa.update(webhook_endpoints).where(failing).values(**values))


def _count_failure(connection: sa.Connection, endpoint_id: str) -> None:
    endpoint = webhook_endpoints.c
    locked = sa.select(endpoint.failures, endpoint.opened_until).where(endpoint.id == endpoint_id).with_for_update()
    row = connection.execute(locked).one()
    after = Breaker(row.failures, row.opened_until).failed(now_of(connection))
    values = {"failures": after.failures, "opened_until": after.opened_until}
    connection.execute(sa.update(webhook_endpoints).where(endpoint.id == endpoint_id).values(**values))


def _log_line(claimed: Claimed, outcome: Outcome) -> dict[str, Any]:
    return {
        "id": new_id("att"),
        "delivery_id": claimed.delivery.id,
        "at": db_now(),
        "status": outcome.status,
        "error": None if outcome.error is None else outcome.error[:MAX_ERROR],
        "milliseconds": outcome.milliseconds,
        # NUL is the one character that a text column of PostgreSQL refuses.
        "answer": outcome.answer.replace("\0", "")[:MAX_ANSWER],
    }
