"""`inpaintd migrate`, `keys create` and `doctor` on a deployment of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from storage.database import Database
from storage.key_store import KeyStore
from tests.unit.cli.conftest import Admin


def test_a_first_key_is_two_commands_away(admin: Admin, url: str) -> None:
    assert admin("migrate").exit_code == 0
    made = admin("keys", "create", "--tenant", "acme", "--scope", "submit", "--scope", "read")
    database = Database(url)
    try:
        principal = KeyStore(database).authenticate(made.stdout.strip())
        assert principal is not None
        assert principal.scopes == {"submit", "read"}
        assert principal.tenant_id == KeyStore(database).create_tenant("acme")
    finally:
        database.close()


def test_keys_need_a_schema_first(admin: Admin) -> None:
    done = admin("keys", "create", "--tenant", "acme", "--scope", "read")
    assert done.exit_code == 3
    assert "inpaintd migrate" in done.stderr


def test_a_revision_that_is_not_there_is_refused_with_those_that_are(admin: Admin) -> None:
    done = admin("migrate", "--to", "9999")
    assert done.exit_code == 2
    assert "0001" in done.stderr


def test_an_unreachable_database_is_a_sentence(admin: Admin) -> None:
    done = admin("migrate", INPAINTD_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert done.exit_code == 3
    assert "INPAINTD_DATABASE_URL" in done.stderr


def test_an_unknown_scope_is_refused(admin: Admin) -> None:
    assert admin("keys", "create", "--tenant", "acme", "--scope", "fly").exit_code == 2


def test_a_sound_deployment_gets_a_clean_bill(admin: Admin, tmp_path: Path) -> None:
    admin("migrate")
    done = admin("doctor", "--json")
    findings = {finding["what"]: finding for finding in json.loads(done.stdout)}
    assert done.exit_code == 0, done.output
    assert " ".join(sorted(findings)) == (
        "clock database database version devices disk disk of the database files of default files of wide mark secret "
        "model default model wide objects policy redis redis eviction redis persistence redis version schema "
        "signing keys user secret webhook secrets"
    )
    assert {finding["outcome"] for finding in findings.values()} <= {"ok", "warn"}
    assert not [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("what", "changes", "words"),
    [
        ("settings", {"INPAINTD_OBJECTS": ""}, "INPAINTD_OBJECTS"),
        ("database", {"INPAINTD_DATABASE_URL": "sqlite:////nowhere/x.db"}, "INPAINTD_DATABASE_URL"),
        ("schema", {"INPAINTD_DATABASE_URL": "sqlite://"}, "inpaintd migrate"),
        ("redis", {"INPAINTD_REDIS_URL": "redis://127.0.0.1:1/0"}, "INPAINTD_REDIS_URL"),
        ("objects", {"INPAINTD_OBJECTS": "file:///proc/none"}, "INPAINTD_OBJECTS"),
        ("model default", {"INPAINTD_MODEL": "no model"}, "INPAINTD_MODEL"),
        ("model photo", {"INPAINTD_MODELS": "photo=/nowhere.safetensors"}, "no such file"),
        ("settings", {"INPAINTD_MODELS": "photo"}, "alias=source"),
        ("settings", {"INPAINTD_MARK_SECRET_FILE": "/nowhere"}, "both set"),
        ("policy", {"INPAINTD_POLICY": "/nowhere.yaml"}, "INPAINTD_POLICY"),
        ("mark secret", {"INPAINTD_MARK_SECRET": ""}, "INPAINTD_MARK_SECRET"),
        ("signing keys", {"INPAINTD_CREDENTIALS_DIR": ""}, "INPAINTD_CREDENTIALS_DIR"),
    ],
)
def test_the_doctor_names_what_is_not_well_and_the_setting_to_change(
    admin: Admin, what: str, changes: dict[str, str], words: str
) -> None:
    admin("migrate")
    done = admin("doctor", **changes)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith(f"FAIL  {what}:")]
    assert done.exit_code == 1
    assert words in line


def test_the_doctor_says_which_models_nobody_could_look_into(admin: Admin, tmp_path: Path) -> None:
    admin("migrate")
    (tmp_path / "old.ckpt").touch()
    done = admin("doctor", INPAINTD_MODELS=f"old={tmp_path / 'old.ckpt'}")
    assert "warn  model old: old: this machine cannot look into it" in done.stdout


def test_limits_of_a_tenant_are_set_one_by_one_and_removed(admin: Admin) -> None:
    admin("migrate")
    admin("keys", "create", "--tenant", "acme", "--scope", "read")
    admin("tenants", "set", "acme", "--weight", "3", "--max-queued", "100", "--requests-per-second", "2.5")
    done = admin("tenants", "set", "acme", "--max-queued", "none", "--max-running", "4", "--json")
    expected = {"weight": 3.0, "max_queued": None, "max_running": 4, "requests_per_second": 2.5}
    assert json.loads(done.stdout) == {"tenant": "acme", **expected}
    assert json.loads(admin("tenants", "show", "acme", "--json").stdout) == {"tenant": "acme", **expected}
    shown = [line.split() for line in admin("tenants", "show", "acme").stdout.splitlines()]
    assert shown == [["weight", "3"], ["max-queued", "none"], ["max-running", "4"], ["requests-per-second", "2.5"]]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["show", "nobody"], "keys create"),
        (["set", "acme", "--weight", "none"], "none"),
        (["set", "acme", "--weight", "0"], "above 0"),
        (["set", "acme", "--max-running", "few"], "few"),
    ],
)
def test_limits_that_make_no_sense_are_refused_with_what_to_do(admin: Admin, arguments: list[str], says: str) -> None:
    admin("migrate")
    admin("keys", "create", "--tenant", "acme", "--scope", "read")
    done = admin("tenants", *arguments)
    assert done.exit_code == 2
    assert says in done.stderr


def test_a_tenants_retention_is_set_by_kind_and_taken_back(admin: Admin) -> None:
    admin("migrate")
    admin("keys", "create", "--tenant", "acme", "--scope", "read")
    set_ = admin("tenants", "retention", "acme", "--inputs", "1", "--results", "none", INPAINTD_RETENTION_DAYS="30")
    assert set_.stdout.splitlines()[:4] == [
        "inputs     1 days",
        "results    for ever",
        "prompts    30 days (default)",
        "audit      180 days (default)",
    ]
    back = json.loads(admin("tenants", "retention", "acme", "--inputs", "default", "--json").stdout)
    assert (back["own"], back["days"]["inputs"]) == (["results"], None)
    refused = admin("tenants", "retention", "acme", "--events", "0")
    assert refused.exit_code == 2
    assert "must lie above 0" in refused.stderr
