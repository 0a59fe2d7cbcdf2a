"""`inpaintd keys list|revoke|rotate`."""

from __future__ import annotations

import json

from storage.database import Database
from storage.key_store import KeyStore
from tests.unit.cli.conftest import Admin


def test_keys_are_listed_rotated_and_revoked(admin: Admin, url: str) -> None:
    admin("migrate")
    wanted = ("--tenant", "acme", "--scope", "read", "--name", "web", "--days", "9")
    made = json.loads(admin("keys", "create", *wanted, "--json").stdout)
    (listed,) = json.loads(admin("keys", "list", "--tenant", "acme", "--json").stdout)
    assert (listed["id"], listed["name"], listed["scopes"]) == (made["id"], "web", ["read"])
    assert "key" not in listed
    assert made["key"].startswith(listed["hint"])

    turned = admin("keys", "rotate", made["id"], "--tenant", "acme", "--keep-hours", "1").stdout.strip()
    assert turned != made["key"]
    assert admin("keys", "revoke", made["id"], "--tenant", "acme").exit_code == 0
    database = Database(url)
    store = KeyStore(database)
    assert store.authenticate(made["key"]) is None
    assert store.authenticate(turned) is not None
    database.close()
    shown = admin("keys", "list", "--tenant", "acme").stdout
    assert "revoked" in shown
    assert made["key"] not in shown


def test_a_key_of_another_tenant_is_not_found(admin: Admin) -> None:
    admin("migrate")
    made = json.loads(admin("keys", "create", "--tenant", "acme", "--scope", "read", "--json").stdout)
    admin("keys", "create", "--tenant", "other", "--scope", "read")
    for command in ("revoke", "rotate"):
        done = admin("keys", command, made["id"], "--tenant", "other")
        assert (done.exit_code, "keys list" in done.stderr) == (2, True)
