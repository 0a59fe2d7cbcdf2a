"""Webhook endpoints and their secrets. storage/delivery_store.py has what is sent to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from storage import webhook_secrets
from storage.database import Database, db_now, insert_once
from storage.errors import TooManyWebhooks, WebhookNotFound
from storage.ids import new_id
from storage.tables import tenants
from storage.webhook import DEFAULT, Endpoint, Secret, joined
from storage.webhook_rows import disabling, drop_waiting, endpoint_of, is_live, now_of, owned
from storage.webhook_tables import webhook_defaults, webhook_endpoints

MAX_ENDPOINTS = 50
_ENABLED = {"disabled_at": None, "disabled_reason": None, "failures": 0, "opened_until": None}


class WebhookStore:
    """The endpoints of one tenant at a time. An id of somebody else raises WebhookNotFound, as one of nobody does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, tenant_id: str, url: str, events: Sequence[str]) -> Endpoint:
        """A new endpoint that is told of all jobs. Raises TooManyWebhooks beyond MAX_ENDPOINTS."""
        count = sa.select(sa.func.count()).select_from(webhook_endpoints).where(_listed(tenant_id))
        values = {**_new(tenant_id, url, events, all_jobs=True), "secrets": webhook_secrets.first()}
        with self._database.transaction() as connection:
            # Locking the tenant makes its creations take turns, or two at once would pass the limit.
            connection.execute(sa.select(tenants.c.id).where(tenants.c.id == tenant_id).with_for_update())
            if connection.execute(count).scalar_one() >= MAX_ENDPOINTS:
                raise TooManyWebhooks(f"a tenant has at most {MAX_ENDPOINTS} webhooks; delete one first")
            row = connection.execute(sa.insert(webhook_endpoints).values(**values).returning(webhook_endpoints)).one()
        return endpoint_of(row)

    def implicit(self, tenant_id: str, url: str, events: Sequence[str]) -> str:
        """The id of the endpoint for jobs that name `url` and `events` themselves, made if there is none.

        One that was disabled is enabled again: a caller who names it anew wants to be told.
        """
        endpoint = webhook_endpoints.c
        same = sa.and_(
            endpoint.tenant_id == tenant_id,
            endpoint.url == url,
            endpoint.events == joined(events),
            endpoint.all_jobs.is_(False),
        )
        with self._database.reading() as connection:
            known: str | None = connection.scalar(sa.select(endpoint.id).where(same, is_live()))
        if known is not None:
            return known
        with self._database.transaction() as connection:
            ensure_default(connection, tenant_id)
            insert_once(connection, webhook_endpoints, _new(tenant_id, url, events, all_jobs=False))
            revived = sa.update(webhook_endpoints).where(same, sa.not_(is_live()))
            connection.execute(revived.values(**_ENABLED, deleted_at=None))
            made: str = connection.execute(sa.select(endpoint.id).where(same)).scalar_one()
        return made

    def list(self, tenant_id: str) -> list[Endpoint]:
        """The tenant's own endpoints, oldest first; those of single jobs are not among them."""
        statement = sa.select(webhook_endpoints).where(_listed(tenant_id)).order_by(webhook_endpoints.c.id)
        with self._database.reading() as connection:
            return [endpoint_of(row) for row in connection.execute(statement)]

    def get(self, webhook_id: str, tenant_id: str) -> Endpoint:
        """One endpoint, also one that a job's own `webhook_url` made."""
        with self._database.reading() as connection:
            row = connection.execute(sa.select(webhook_endpoints).where(_one(webhook_id, tenant_id))).one_or_none()
        return endpoint_of(_known(row, webhook_id))

    def update(
        self,
        webhook_id: str,
        tenant_id: str,
        *,
        url: str | None = None,
        events: Sequence[str] | None = None,
        disabled: bool | None = None,
    ) -> Endpoint:
        """Changes what is not None. Enabling also closes the breaker; disabling fails what still waits."""
        values: dict[str, Any] = {} if url is None else {"url": url}
        if events is not None:
            values["events"] = joined(events)
        if disabled is not None:
            values |= disabling("disabled by its owner") if disabled else _ENABLED
        with self._database.transaction() as connection:
            row = _changed(connection, webhook_id, tenant_id, values)
            if disabled:
                drop_waiting(connection, webhook_id)
        return endpoint_of(row)

    def delete(self, webhook_id: str, tenant_id: str) -> None:
        """Removes the endpoint and fails what still waits for it."""
        with self._database.transaction() as connection:
            _changed(connection, webhook_id, tenant_id, {"deleted_at": db_now(), **disabling("deleted")})
            drop_waiting(connection, webhook_id)

    def secrets(self, webhook_id: str, tenant_id: str) -> tuple[Secret, ...]:
        """The secrets that sign now, newest first. `default`: those for jobs with a `webhook_url` of their own."""
        with self._database.transaction() as connection:
            table, mine = _home_of_secrets(connection, webhook_id, tenant_id)
            stored = connection.execute(sa.select(table.c.secrets).where(mine)).scalar_one()
            return webhook_secrets.valid(stored, now_of(connection))

    def rotate(self, webhook_id: str, tenant_id: str, *, keep_seconds: float) -> tuple[Secret, ...]:
        """A new secret; the one before it goes on signing beside it for `keep_seconds`."""
        with self._database.transaction() as connection:
            table, mine = _home_of_secrets(connection, webhook_id, tenant_id)
            stored = connection.execute(sa.select(table.c.secrets).where(mine).with_for_update()).scalar_one()
            now = now_of(connection)
            turned = webhook_secrets.turned(stored, now, keep_seconds)
            connection.execute(sa.update(table).where(mine).values(secrets=turned))
            return webhook_secrets.valid(turned, now)


def ensure_default(connection: sa.Connection, tenant_id: str) -> None:
    """Makes the tenant's default secret unless it has one."""
    insert_once(connection, webhook_defaults, {"tenant_id": tenant_id, "secrets": webhook_secrets.first()})


def _home_of_secrets(
    connection: sa.Connection, webhook_id: str, tenant_id: str
) -> tuple[sa.Table, sa.ColumnElement[bool]]:
    one = _one(webhook_id, tenant_id)
    is_own = webhook_id != DEFAULT
    if is_own:
        all_jobs = sa.select(webhook_endpoints.c.all_jobs).where(one)
        is_own = _known(connection.execute(all_jobs).one_or_none(), webhook_id).all_jobs
    if is_own:
        return webhook_endpoints, one
    ensure_default(connection, tenant_id)
    return webhook_defaults, webhook_defaults.c.tenant_id == tenant_id


def _changed(connection: sa.Connection, webhook_id: str, tenant_id: str, values: dict[str, Any]) -> sa.Row[Any]:
    statement = sa.update(webhook_endpoints).where(_one(webhook_id, tenant_id))
    statement = statement.values(values or {"url": webhook_endpoints.c.url})
    return _known(connection.execute(statement.returning(webhook_endpoints)).one_or_none(), webhook_id)


def _one(webhook_id: str, tenant_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(webhook_endpoints.c.id == webhook_id, owned(webhook_id, tenant_id))


def _listed(tenant_id: str) -> sa.ColumnElement[bool]:
    endpoint = webhook_endpoints.c
    return sa.and_(endpoint.tenant_id == tenant_id, endpoint.all_jobs, endpoint.deleted_at.is_(None))


def _known(row: sa.Row[Any] | None, webhook_id: str) -> sa.Row[Any]:
    if row is None:
        raise WebhookNotFound(f"there is no webhook {webhook_id}")
    return row


def _new(tenant_id: str, url: str, events: Sequence[str], *, all_jobs: bool) -> dict[str, Any]:
    values = {"id": new_id("whk"), "tenant_id": tenant_id, "url": url, "events": joined(events)}
    return {**values, "all_jobs": all_jobs, "created_at": db_now()}
