"""`inpaintd strikes` on a deployment of its own, and the strike that a moderator's word earns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from producer.pseudonyms import pseudonym
from storage.database import Database
from storage.job import JobState
from storage.strike_store import strike_row
from tests.jobs import Desk, new_job
from tests.unit.cli.conftest import Admin
from tests.unit.cli.test_review import HELD, WORD


@pytest.fixture
def desk(admin: Admin, url: str) -> Iterator[Desk]:
    assert admin("migrate").exit_code == 0
    database = Database(url)
    yield Desk(database)
    database.close()


def told(done: Any) -> Any:
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def strike(desk: Desk, user: str | None) -> str:
    name = None if user is None else pseudonym("0123456789abcdef", desk.tenant_id, user)
    new = new_job(desk.tenant_id, state=JobState.BLOCKED, user=name)
    row = strike_row(new, "prompt", weight=3.0, rule="prompt.nudify", severity=6)
    return desk.submit(id=new.id, state=JobState.BLOCKED, user=name, also=(row,)).id


def test_strikes_are_listed_by_end_user_and_taken_back_one_or_all(admin: Admin, desk: Desk) -> None:
    first, second, other = strike(desk, "ann"), strike(desk, "ann"), strike(desk, None)
    of = ("--tenant", "acme", "--json")
    assert [one["job_id"] for one in told(admin("strikes", "list", *of))] == [other, second, first]
    mine = told(admin("strikes", "list", *of, "--user", "ann"))
    assert [one["job_id"] for one in mine] == [second, first]
    assert mine == [{**one, "age_seconds": pytest.approx(one["age_seconds"], abs=30)} for one in
                    told(admin("strikes", "list", *of, "--user", mine[0]["user"]))]  # fmt: skip
    assert not {"words", "picture"} & mine[0].keys()
    forgiven = admin("strikes", "forgive", *of, "--job", first, "--reason", "a mistake")
    assert told(forgiven) == {"tenant": "acme", "forgiven": 1}
    assert told(admin("strikes", "forgive", *of, "--user", "ann", "--reason", "a new start"))["forgiven"] == 1
    lines = admin("strikes", "list", "--tenant", "acme").stdout.splitlines()
    assert [("a mistake" in line, "a new start" in line) for line in lines] == [
        (False, False),
        (False, True),
        (True, False),
    ]


def test_a_tenants_strikes_are_not_taken_back_all_at_once(admin: Admin, desk: Desk) -> None:
    assert admin("strikes", "forgive", "--tenant", desk.tenant_id, "--reason", "x").exit_code == 2
    assert "no tenant" in admin("strikes", "list", "--tenant", "nobody").stderr


def test_what_a_person_rejects_earns_a_strike_and_what_is_approved_does_not(admin: Admin, desk: Desk) -> None:
    approved, rejected = desk.submit(**HELD), desk.submit(**HELD)
    told(admin("review", "approve", approved.id, *WORD, "context", "--json"))
    told(admin("review", "reject", rejected.id, *WORD, "no_rights", "--json"))
    assert admin("review", "reject", rejected.id, *WORD, "policy").exit_code == 2
    (earned,) = told(admin("strikes", "list", "--tenant", "acme", "--json"))
    assert (earned["job_id"], earned["cause"], earned["rule"]) == (rejected.id, "person", "prompt.mark_removal")
    assert (earned["weight"], earned["severity"]) == (1.0, 4)
