"""`inpaintd moderators` and `inpaintd review export`."""

from __future__ import annotations

import csv
import io
import json

import pytest

from producer.moderation.passwords import fits
from storage.also import add_rows
from storage.audit import Decision, PolicyId, Stage
from storage.audit_rows import audit_row
from storage.audit_store import AuditStore
from storage.database import Database
from storage.moderator_store import ModeratorStore
from tests.unit.cli.conftest import Admin

PASSWORD = "correct horse battery staple"


@pytest.fixture
def ready(admin: Admin) -> Admin:
    """The same, with a schema."""
    assert admin("migrate").exit_code == 0
    return admin


def account(admin: Admin, name: str) -> dict[str, object]:
    found: list[dict[str, object]] = json.loads(admin("moderators", "list", "--json").stdout)
    return next(one for one in found if one["name"] == name)


def test_an_account_is_made_changed_and_shut_out(ready: Admin, url: str) -> None:
    made = ready("moderators", "add", "ada", "--role", "reviewer", input=f"{PASSWORD}\n{PASSWORD}\n")
    assert made.exit_code == 0, made.output
    assert PASSWORD not in made.output
    assert ready("moderators", "add", "ada", "--role", "lead", "--subject", "s").exit_code == 2, "the name is taken"
    assert ready("moderators", "add", "bea", "--role", "lead", "--subject", "s-1").exit_code == 0
    assert (account(ready, "bea")["password"], account(ready, "bea")["subject"]) == (False, "s-1")
    assert ready("moderators", "role", "ada", "auditor").exit_code == 0
    assert ready("moderators", "disable", "ada").exit_code == 0
    assert account(ready, "ada")["role"] == "auditor"
    assert account(ready, "ada")["disabled_at"]
    assert "disabled" in ready("moderators", "list").stdout
    assert ready("moderators", "enable", "ada").exit_code == 0
    changed = ready("moderators", "password", "ada", "--password-stdin", input="another long password\n")
    assert changed.exit_code == 0, changed.output
    database = Database(url)
    assert fits("another long password", ModeratorStore(database).named("ada").password)
    database.close()


@pytest.mark.parametrize("arguments", [("password", "nobody"), ("role", "nobody", "lead"), ("disable", "nobody")])
def test_a_name_that_is_not_there_is_told(ready: Admin, arguments: tuple[str, ...]) -> None:
    done = ready("moderators", *arguments, input=f"{PASSWORD}\n{PASSWORD}\n")
    assert done.exit_code == 2
    assert "`inpaintd moderators add` makes one" in done.output


def test_a_short_password_is_refused(ready: Admin) -> None:
    done = ready("moderators", "add", "ada", "--role", "lead", "--password-stdin", input="short\n")
    assert done.exit_code == 2
    assert "12 to 256 characters" in done.output


def test_people_s_actions_are_exported_and_nothing_else(ready: Admin, url: str) -> None:
    policy = PolicyId("p", "1.0.0", "0" * 64)
    noted = Decision(Stage.REVIEW, "reject", policy, actor="ada", automated=False, reason="policy", note="=1+1")
    database = Database(url)
    with database.transaction() as connection:
        add_rows(connection, [audit_row("job_1", Decision(Stage.PROMPT, "allow", policy)), audit_row("job_2", noted)])
    AuditStore(database).seal()
    database.close()
    (line,) = ready("review", "export").stdout.splitlines()
    found = json.loads(line)
    assert {name: found[name] for name in ("job", "action", "actor", "reason", "note", "seq")} == {
        "job": "job_2",
        "action": "reject",
        "actor": "ada",
        "reason": "policy",
        "note": "=1+1",
        "seq": 2,
    }
    rows = list(csv.DictReader(io.StringIO(ready("review", "export", "--format", "csv").stdout)))
    assert [(row["actor"], row["note"]) for row in rows] == [("ada", "'=1+1")], "no formula for a spreadsheet"
