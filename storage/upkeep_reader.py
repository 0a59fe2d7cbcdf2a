"""Reading what an operator sees to: tenants and their limits, failing webhooks, what a keeper is late with."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from storage.database import Database, db_age, db_now
from storage.fleet import FailingEndpoint, Overdue, TenantUse
from storage.measure_store import MeasureKind
from storage.measure_tables import measures
from storage.tables import jobs, tenants
from storage.webhook_secrets import is_weak
from storage.webhook_tables import webhook_attempts, webhook_defaults, webhook_deliveries, webhook_endpoints

MOST_TENANTS, MOST_ENDPOINTS, MOST_COUNTED, MOST_SECRETS = 100, 20, 10_000, 1_000
# A keeper that looks every second, with a second one beside it that took over, is never so late.
LATE_SECONDS = 10.0


class UpkeepReader:
    """Reads for operators, over all tenants. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tenants(self, names: Collection[str]) -> list[TenantUse]:
        """The tenants called `names`, and others up to MOST_TENANTS in all, by name."""
        first = sa.case((tenants.c.name.in_(list(names)[:MOST_TENANTS]), 0), else_=1)
        chosen = sa.select(tenants).order_by(first, tenants.c.name).limit(MOST_TENANTS).subquery("chosen")
        shown = sa.select(chosen, _standing(chosen, MeasureKind.SUSPEND), _standing(chosen, MeasureKind.WARN))
        with self._database.reading() as connection:
            return [_tenant(row) for row in connection.execute(shown.order_by(chosen.c.name))]

    def failing_endpoints(self) -> list[FailingEndpoint]:
        """The MOST_ENDPOINTS endpoints with the most failures in a row, and disabled ones."""
        endpoint = webhook_endpoints.c
        fails = sa.or_(endpoint.failures > 0, endpoint.disabled_at.is_not(None))
        named = webhook_endpoints.join(tenants, tenants.c.id == endpoint.tenant_id)
        shown = sa.select(webhook_endpoints, tenants.c.name.label("tenant")).select_from(named)
        failing = shown.where(fails, endpoint.deleted_at.is_(None))
        with self._database.reading() as connection:
            rows = connection.execute(failing.order_by(endpoint.failures.desc(), endpoint.id).limit(MOST_ENDPOINTS))
            return [_endpoint(connection, row) for row in rows.all()]

    def weak_webhooks(self) -> list[str] | None:
        """Endpoints whose secret is too short, and tenants whose default one is; MOST_SECRETS of each are read.

        None for a role that may not see secrets, as a worker's.
        """
        endpoint, default = webhook_endpoints.c, webhook_defaults.c
        live = sa.and_(endpoint.secrets.is_not(None), endpoint.deleted_at.is_(None))
        own = sa.select(endpoint.id, endpoint.secrets).where(live).order_by(endpoint.id.desc()).limit(MOST_SECRETS)
        of_tenants = sa.select(default.tenant_id, default.secrets).limit(MOST_SECRETS)
        try:
            with self._database.reading() as connection:
                rows = [*connection.execute(own), *connection.execute(of_tenants)]
        except sa.exc.ProgrammingError:
            return None
        return [holder for holder, secrets in rows if is_weak(secrets)]

    def overdue(self) -> list[Overdue]:
        """The keeper's duties that are late, as SQL shows it; none where a keeper works."""
        waits = jobs.c.state.in_([sa.literal_column(f"'{state}'") for state in ("queued", "running", "held")])
        expiring = sa.and_(waits, jobs.c.deadline_at.is_not(None), jobs.c.state != sa.literal_column("'running'"))
        looks = {
            "reap": (jobs.c.state == sa.literal_column("'running'"), jobs.c.lease_expires_at),
            "expire": (expiring, jobs.c.deadline_at),
            "deliver": (_sendable(), webhook_deliveries.c.next_at),
        }
        with self._database.reading() as connection:
            found = [_late(connection, duty, which, due) for duty, (which, due) in looks.items()]
        return [one for one in found if one.count]


def _standing(chosen: sa.Subquery, kind: MeasureKind) -> sa.Label[int]:
    of_tenant = sa.and_(measures.c.tenant_id == chosen.c.id, measures.c.kind == kind, measures.c.ended_at.is_(None))
    return sa.select(sa.func.count()).select_from(measures).where(of_tenant).scalar_subquery().label(kind.value)


def _tenant(row: sa.Row[Any]) -> TenantUse:
    return TenantUse(
        id=row.id,
        name=row.name,
        weight=row.weight,
        max_queued=row.max_queued,
        max_running=row.max_running,
        requests_per_second=row.requests_per_second,
        suspended=bool(row._mapping[MeasureKind.SUSPEND.value]),
        warnings=row._mapping[MeasureKind.WARN.value],
    )


def _endpoint(connection: sa.Connection, row: sa.Row[Any]) -> FailingEndpoint:
    last = connection.execute(_last_attempt(connection, row.id)).one_or_none()
    return FailingEndpoint(
        id=row.id,
        tenant=row.tenant,
        url=row.url,
        failures=row.failures,
        opened_until=row.opened_until,
        disabled_at=row.disabled_at,
        disabled_reason=row.disabled_reason,
        waiting=connection.execute(_waiting_for(row.id)).scalar_one(),
        last_at=None if last is None else last.at,
        last_status=None if last is None else last.status,
        last_error=None if last is None else last.error,
    )


def _pending_for(endpoint_id: str) -> sa.ColumnElement[bool]:
    delivery = webhook_deliveries.c
    return sa.and_(delivery.endpoint_id == endpoint_id, delivery.state == sa.literal_column("'pending'"))


def _waiting_for(endpoint_id: str) -> sa.Select[Any]:
    some = sa.select(sa.literal(1)).select_from(webhook_deliveries).where(_pending_for(endpoint_id))
    return sa.select(sa.func.count()).select_from(some.limit(MOST_COUNTED).subquery("some"))


def _last_attempt(connection: sa.Connection, endpoint_id: str) -> sa.Select[Any]:
    delivery = webhook_deliveries.c
    # What was tried before waits longest for its next turn; where nothing waits, the newest delivery is the last.
    tried = sa.select(delivery.id).where(_pending_for(endpoint_id)).order_by(delivery.next_at.desc()).limit(1)
    newest = sa.select(delivery.id).where(delivery.endpoint_id == endpoint_id).order_by(delivery.id.desc()).limit(1)
    delivery_id = connection.scalar(tried) or connection.scalar(newest)
    log = sa.select(webhook_attempts).where(webhook_attempts.c.delivery_id == delivery_id)
    return log.order_by(webhook_attempts.c.id.desc()).limit(1)


def _sendable() -> sa.ColumnElement[bool]:
    """Deliveries that nothing at their receiver's end holds up."""
    delivery, endpoint = webhook_deliveries.c, webhook_endpoints.c
    failing = sa.select(endpoint.id).where(endpoint.id == delivery.endpoint_id, endpoint.failures > 0)
    return sa.and_(delivery.state == sa.literal_column("'pending'"), delivery.leased_until.is_(None), ~failing.exists())


def _late(connection: sa.Connection, duty: str, which: sa.ColumnElement[bool], due: sa.ColumnElement[Any]) -> Overdue:
    late = sa.select(due.label("due")).where(which, due < db_now(-LATE_SECONDS)).order_by(due).limit(MOST_COUNTED)
    some = late.subquery("late")
    row = connection.execute(sa.select(sa.func.count(), db_age(sa.func.min(some.c.due)))).one()
    return Overdue(duty, row[0], row[1] or 0.0)
