"""Tenants and their API keys. A key's text is shown once; only its hash is kept."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from storage.database import Database, db_now
from storage.errors import DatabaseUnavailable, KeyNotFound
from storage.ids import new_id
from storage.recent import Recent
from storage.tables import api_keys, tenants

SCOPES = ("submit", "read", "moderate", "admin")
# How exactly `last_used_at` is known: noting every use would add a write to every request.
USED_SECONDS = 300.0
# How long a key that another process took away, or that has expired, may still open one that has just seen it.
REMEMBERED_SECONDS = 2.0
MOST_REMEMBERED = 10_000
# So long keys that open nothing any more are still listed.
LISTED_SECONDS = 30 * 86_400.0
# "ipd_" and six characters, which leave 220 unknown bits.
_HINT = 10


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling, and what the key allows."""

    tenant_id: str
    key_id: str
    scopes: frozenset[str]
    requests_per_second: float | None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key; `hint` are the first characters of its text. `last_used_at` is exact to minutes."""

    id: str
    name: str
    hint: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made, with its text, which cannot be read again."""

    key: ApiKey
    text: str


class KeyStore:
    """Makes tenants and keys, tells whose a key is, and ends keys. An id of somebody else is unknown like any other."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._remembered: Recent[str, Principal] = Recent(MOST_REMEMBERED, REMEMBERED_SECONDS)

    def create_tenant(self, name: str) -> str:
        """The id of the tenant called `name`, which is made if there is none."""
        known = sa.select(tenants.c.id).where(tenants.c.name == name)
        with self._database.transaction() as connection:
            tenant_id = connection.scalar(known)
            if tenant_id is None:
                tenant_id = new_id("tnt")
                connection.execute(sa.insert(tenants).values(id=tenant_id, name=name, created_at=db_now()))
        return tenant_id

    def create_key(self, tenant_id: str, scopes: Sequence[str], *, life: timedelta | None = None) -> str:
        """A new key's text, which cannot be read again. Raises ValueError for an unknown scope."""
        return self.issue(tenant_id, scopes, life=life).text

    def issue(self, tenant_id: str, scopes: Sequence[str], *, name: str = "", life: timedelta | None = None) -> NewKey:
        """A new key that opens for a span of `life`, or until it is revoked. Raises ValueError for an unknown scope."""
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown:
            raise ValueError(f"unknown scopes {unknown}; choose from {list(SCOPES)}")
        with self._database.transaction() as connection:
            return _issue(connection, tenant_id, name, sorted(set(scopes), key=SCOPES.index), life)

    def list(self, tenant_id: str) -> list[ApiKey]:
        """The tenant's keys, oldest first; those that opened nothing for LISTED_SECONDS are left out."""
        ended = sa.func.coalesce(api_keys.c.revoked_at, api_keys.c.expires_at)
        shown = sa.or_(ended.is_(None), ended > db_now(-LISTED_SECONDS))
        mine = sa.select(api_keys).where(api_keys.c.tenant_id == tenant_id, shown)
        with self._database.reading() as connection:
            return [_key(row) for row in connection.execute(mine.order_by(api_keys.c.id))]

    def revoke(self, key_id: str, tenant_id: str) -> ApiKey:
        """Ends a key at once. Safe to repeat. Raises KeyNotFound."""
        ended = sa.update(api_keys).where(_one(key_id, tenant_id))
        values = {"revoked_at": sa.func.coalesce(api_keys.c.revoked_at, db_now())}
        with self._database.transaction() as connection:
            row = connection.execute(ended.values(values).returning(api_keys)).one_or_none()
        key = _key(_known(row, key_id))
        self._remembered.clear()
        return key

    def rotate(self, key_id: str, tenant_id: str, *, keep_seconds: float) -> NewKey:
        """A new key of the same name, scopes and span of life; the old one opens for `keep_seconds` more at most.

        Raises KeyNotFound, also for a key that was revoked or has expired.
        """
        with self._database.transaction() as connection:
            alive = sa.select(api_keys).where(_one(key_id, tenant_id), _is_alive()).with_for_update()
            old = _key(_known(connection.execute(alive).one_or_none(), key_id))
            ends, until = api_keys.c.expires_at, db_now(keep_seconds)
            soon = sa.case((sa.or_(ends.is_(None), ends > until), until), else_=ends)
            connection.execute(sa.update(api_keys).where(api_keys.c.id == key_id).values(expires_at=soon))
            life = None if old.expires_at is None else old.expires_at - old.created_at
            made = _issue(connection, tenant_id, old.name, old.scopes, life)
        self._remembered.clear()
        return made

    def remembered(self, text: str) -> Principal | None:
        """Whose key this was when it was authenticated here, REMEMBERED_SECONDS ago at most. Asks nobody."""
        return self._remembered.get(_digest(text))

    def authenticate(self, text: str) -> Principal | None:
        """Whose key this is, or None for one that is unknown, revoked or expired."""
        rate = tenants.c.requests_per_second
        unnoted = sa.func.coalesce(api_keys.c.last_used_at < db_now(-USED_SECONDS), sa.true()).label("unnoted")
        statement = sa.select(api_keys, rate, unnoted).join(tenants)
        with self._database.reading() as connection:
            found = statement.where(api_keys.c.sha256 == _digest(text), _is_alive())
            row = connection.execute(found).one_or_none()
        if row is None:
            return None
        if row.unnoted:
            self._note_use(row.id)
        principal = Principal(row.tenant_id, row.id, frozenset(row.scopes), row.requests_per_second)
        return self._remembered.put(_digest(text), principal)

    def _note_use(self, key_id: str) -> None:
        # No request fails because of it; the next one will note it.
        with contextlib.suppress(DatabaseUnavailable), self._database.transaction() as connection:
            connection.execute(sa.update(api_keys).where(api_keys.c.id == key_id).values(last_used_at=db_now()))


def _issue(
    connection: sa.Connection, tenant_id: str, name: str, scopes: Sequence[str], life: timedelta | None
) -> NewKey:
    # 256 random bits: a plain hash is enough, there is nothing to guess that a slow hash would protect.
    text = f"ipd_{secrets.token_urlsafe(32)}"
    values: dict[str, Any] = {
        "id": new_id("key"),
        "tenant_id": tenant_id,
        "sha256": _digest(text),
        "scopes": list(scopes),
        "name": name,
        "hint": text[:_HINT],
        "created_at": db_now(),
        "expires_at": None if life is None else db_now(life.total_seconds()),
    }
    made = sa.insert(api_keys).values(values).returning(api_keys)
    return NewKey(_key(connection.execute(made).one()), text)


def _one(key_id: str, tenant_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(api_keys.c.id == key_id, api_keys.c.tenant_id == tenant_id)


def _is_alive() -> sa.ColumnElement[bool]:
    in_time = sa.or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > db_now())
    return sa.and_(in_time, api_keys.c.revoked_at.is_(None))


def _known(row: sa.Row[Any] | None, key_id: str) -> sa.Row[Any]:
    if row is None:
        raise KeyNotFound(f"there is no key {key_id}; `inpaintd keys list` shows those of a tenant")
    return row


def _key(row: sa.Row[Any]) -> ApiKey:
    values = {name: getattr(row, name) for name in ApiKey.__slots__}
    return ApiKey(**values | {"scopes": tuple(row.scopes)})


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
