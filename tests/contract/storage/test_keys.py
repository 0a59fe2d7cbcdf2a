"""Names, last use, revocation, rotation and ends of API keys, on SQLite and PostgreSQL alike."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from storage.database import Database, db_now
from storage.errors import KeyNotFound
from storage.key_store import LISTED_SECONDS, USED_SECONDS, KeyStore
from storage.tables import api_keys


@pytest.fixture
def keys(database: Database) -> KeyStore:
    return KeyStore(database)


def age(database: Database, column: str, seconds: float) -> None:
    """Sets a moment of every key back behind the product's back."""
    with database.transaction() as connection:
        connection.execute(sa.update(api_keys).values({column: db_now(-seconds)}))


def test_a_key_is_listed_without_its_text(keys: KeyStore) -> None:
    tenant = keys.create_tenant("acme")
    made = keys.issue(tenant, ["read", "submit", "read"], name="web", life=timedelta(days=9))
    keys.issue(keys.create_tenant("other"), ["read"])
    (listed,) = keys.list(tenant)
    assert listed == made.key
    assert (listed.name, listed.scopes, listed.hint) == ("web", ("submit", "read"), made.text[:10])
    assert listed.expires_at is not None
    assert listed.expires_at - listed.created_at == timedelta(days=9)


def test_the_last_use_is_noted_once_in_a_while(database: Database, keys: KeyStore) -> None:
    tenant = keys.create_tenant("acme")
    text = keys.create_key(tenant, ["read"])
    assert keys.list(tenant)[0].last_used_at is None
    keys.authenticate(text)
    first = keys.list(tenant)[0].last_used_at
    assert first is not None
    keys.authenticate(text)
    assert keys.list(tenant)[0].last_used_at == first
    age(database, "last_used_at", USED_SECONDS + 1)
    keys.authenticate(text)
    latest = keys.list(tenant)[0].last_used_at
    assert latest is not None
    assert latest >= first


def test_a_revoked_key_opens_nothing(keys: KeyStore) -> None:
    tenant = keys.create_tenant("acme")
    made = keys.issue(tenant, ["read"])
    first = keys.revoke(made.key.id, tenant)
    assert keys.authenticate(made.text) is None
    assert keys.revoke(made.key.id, tenant).revoked_at == first.revoked_at
    with pytest.raises(KeyNotFound):
        keys.rotate(made.key.id, tenant, keep_seconds=60)


def test_a_rotated_key_opens_beside_the_new_one_for_a_while(database: Database, keys: KeyStore) -> None:
    tenant = keys.create_tenant("acme")
    old = keys.issue(tenant, ["read"], name="web")
    new = keys.rotate(old.key.id, tenant, keep_seconds=60)
    assert (new.key.name, new.key.scopes, new.key.expires_at) == ("web", ("read",), None)
    assert keys.authenticate(old.text) is not None
    assert keys.authenticate(new.text) is not None
    with database.transaction() as connection:
        passed = sa.update(api_keys).where(api_keys.c.expires_at.is_not(None))
        connection.execute(passed.values(expires_at=db_now(-1)))
    assert keys.authenticate(old.text) is None
    assert keys.authenticate(new.text) is not None


def test_a_rotation_never_lengthens_a_life(keys: KeyStore) -> None:
    tenant = keys.create_tenant("acme")
    old = keys.issue(tenant, ["read"], life=timedelta(seconds=50))
    new = keys.rotate(old.key.id, tenant, keep_seconds=3600)
    ended = {key.id: key.expires_at for key in keys.list(tenant)}
    assert ended[old.key.id] == old.key.expires_at
    assert new.key.expires_at is not None
    assert new.key.expires_at - new.key.created_at == timedelta(seconds=50)
    assert keys.rotate(new.key.id, tenant, keep_seconds=0).text
    assert keys.authenticate(new.text) is None


def test_somebody_elses_key_is_unknown(keys: KeyStore) -> None:
    made, other = keys.issue(keys.create_tenant("acme"), ["read"]), keys.create_tenant("other")
    with pytest.raises(KeyNotFound):
        keys.revoke(made.key.id, other)
    with pytest.raises(KeyNotFound):
        keys.rotate(made.key.id, other, keep_seconds=0)
    assert keys.authenticate(made.text) is not None


def test_keys_that_ended_long_ago_are_not_listed(database: Database, keys: KeyStore) -> None:
    tenant = keys.create_tenant("acme")
    keys.revoke(keys.issue(tenant, ["read"]).key.id, tenant)
    assert len(keys.list(tenant)) == 1
    age(database, "revoked_at", LISTED_SECONDS + 1)
    assert keys.list(tenant) == []
