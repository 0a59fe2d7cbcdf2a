"""Tenants and their API keys. A key's text is shown once; only its hash is kept."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from storage.database import Database, db_now
from storage.ids import new_id
from storage.tables import api_keys, tenants

SCOPES = ("submit", "read", "moderate", "admin")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling, and what the key allows."""

    tenant_id: str
    key_id: str
    scopes: frozenset[str]
    requests_per_second: float | None


class KeyStore:
    """Makes tenants and keys, and tells whose a key is."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create_tenant(self, name: str) -> str:
        """The id of the tenant called `name`, which is made if there is none."""
        known = sa.select(tenants.c.id).where(tenants.c.name == name)
        with self._database.transaction() as connection:
            tenant_id = connection.scalar(known)
            if tenant_id is None:
                tenant_id = new_id("tnt")
                connection.execute(sa.insert(tenants).values(id=tenant_id, name=name, created_at=db_now()))
        return tenant_id

    def create_key(self, tenant_id: str, scopes: Sequence[str], *, expires_at: datetime | None = None) -> str:
        """A new key's text, which cannot be read again. Raises ValueError for an unknown scope."""
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown:
            raise ValueError(f"unknown scopes {unknown}; choose from {list(SCOPES)}")
        # 256 random bits: a plain hash is enough, there is nothing to guess that a slow hash would protect.
        text = f"ipd_{secrets.token_urlsafe(32)}"
        values = {"id": new_id("key"), "tenant_id": tenant_id, "sha256": _digest(text), "scopes": list(scopes)}
        with self._database.transaction() as connection:
            connection.execute(sa.insert(api_keys).values(**values, created_at=db_now(), expires_at=expires_at))
        return text

    def authenticate(self, text: str) -> Principal | None:
        """Whose key this is, or None for an unknown or expired one."""
        alive = sa.or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > db_now())
        rate = tenants.c.requests_per_second
        statement = sa.select(api_keys, rate).join(tenants).where(api_keys.c.sha256 == _digest(text), alive)
        with self._database.reading() as connection:
            row = connection.execute(statement).one_or_none()
        if row is None:
            return None
        return Principal(row.tenant_id, row.id, frozenset(row.scopes), row.requests_per_second)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
