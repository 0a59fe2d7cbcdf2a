"""`inpaintd review` and `inpaintd audit` on a deployment of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from safety.verdict import Action, Finding, Stage, Verdict
from storage.also import add_rows
from storage.audit import Decision, PolicyId
from storage.audit import Stage as AuditStage
from storage.audit_rows import audit_row
from storage.audit_store import AuditStore
from storage.audit_tables import audit_records
from storage.database import Database
from storage.job import HeldAt, JobState
from storage.object_store import LocalObjectStore
from tests.jobs import Desk, result
from tests.unit.cli.conftest import Admin

FOUND = Finding("prompt.mark_removal", "copyright_mark_removal", 4, Stage.REQUEST, Action.REVIEW, "A person decides.")
HELD = {"state": JobState.HELD, "held_at": HeldAt.REQUEST, "safety": Verdict.of("p@1.0.0", [FOUND]).audit_dict()}
WORD = ("--by", "ada", "--reason")


@pytest.fixture
def database(admin: Admin, url: str) -> Iterator[Database]:
    """The deployment's database, with its schema."""
    assert admin("migrate").exit_code == 0
    opened = Database(url)
    yield opened
    opened.close()


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def told(done: Any) -> Any:
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_held_request_is_listed_shown_and_approved_and_all_of_it_is_on_record(
    admin: Admin, desk: Desk, database: Database
) -> None:
    job = desk.submit(**HELD)
    assert "prompt.mark_removal" in admin("review", "list").stdout
    assert "A person decides." in admin("review", "show", job.id).stdout
    done = told(admin("review", "approve", job.id, *WORD, "rights_shown", "--note", "It is hers.", "--json"))
    assert (done["status"], done["safety"]["action"]) == ("queued", "allow")
    assert done["safety"]["waived"] == [{"stage": "request", "rule": "prompt.mark_removal"}]
    assert told(admin("review", "list", "--json")) == []
    (shown,) = told(admin("audit", "show", job.id, "--json"))
    decided = {name: shown["record"][name] for name in ("stage", "action", "actor", "automated", "reason")}
    assert decided == {
        "stage": "review",
        "action": "approve",
        "actor": "ada",
        "automated": False,
        "reason": "rights_shown",
    }
    assert shown["prompts"]["note"] == "It is hers."
    again = admin("review", "reject", job.id, *WORD, "policy")
    assert (again.exit_code, "only a held job" in again.stderr) == (2, True)


def test_what_lies_in_quarantine_can_be_looked_at_and_is_gone_from_a_rejected_job(
    admin: Admin, desk: Desk, tmp_path: Path
) -> None:
    job = desk.submit(safety=HELD["safety"])
    running = desk.claim_one()
    desk.jobs.hold_result(running, result(running))
    objects = LocalObjectStore(tmp_path / "objects")
    for key in (job.image_key, str(job.mask_key), result(running).images[0].key):
        objects.put(key, b"\x89PNG", "image/png")
    saved = told(admin("review", "show", job.id, "--save", str(tmp_path / "seen"), "--json"))["saved"]
    assert sorted(Path(path).name for path in saved) == sorted(
        f"{job.id}-{name}.png" for name in ("input", "mask", "result-0")
    )
    done = told(admin("review", "reject", job.id, *WORD, "no_consent", "--json"))
    assert (done["status"], done["safety"]["action"], done["images"]) == ("blocked", "block", 0)


def test_the_gravest_take_two_here_too(admin: Admin, desk: Desk) -> None:
    grave = replace(FOUND, category="ncii_nudify", severity=6)
    job = desk.submit(**HELD | {"safety": Verdict.of("p@1.0.0", [grave]).audit_dict()})
    for alone in ([], ["--second", "ada"]):
        done = admin("review", "reject", job.id, *WORD, "unlawful", *alone)
        assert (done.exit_code, "Two people decide" in done.stderr) == (2, True)
    assert (
        told(admin("review", "reject", job.id, *WORD, "unlawful", "--second", "bea", "--json"))["status"] == "blocked"
    )
    (shown,) = told(admin("audit", "show", job.id, "--json"))
    assert shown["prompts"]["note"] == "(Agreed by bea.)"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--by", "ada"], "--reason"),
        (["--reason", "context"], "--by"),
        ([*WORD, "no_consent"], "no_consent"),
        ([*WORD, "context"], "there is no job"),
    ],
)
def test_a_word_without_name_or_reason_is_none(
    admin: Admin, database: Database, arguments: list[str], says: str
) -> None:
    done = admin("review", "approve", "job_none", *arguments)
    assert done.exit_code == 2
    assert says in done.stderr


def test_the_chain_is_verified_against_an_anchor_and_a_changed_record_is_named(
    admin: Admin, database: Database
) -> None:
    decision = Decision(AuditStage.PROMPT, "allow", PolicyId("p", "1.0.0", "0" * 64))
    with database.transaction() as connection:
        add_rows(connection, [audit_row(f"job_{number}", decision) for number in range(3)])
    assert "3 not sealed yet" in admin("audit", "verify").stdout
    AuditStore(database).seal()
    anchor = admin("audit", "head").stdout.strip()
    sound = admin("audit", "verify", "--anchor", anchor)
    assert (sound.exit_code, "3 of 3 sealed records" in sound.stdout) == (0, True)
    with database.transaction() as connection:
        connection.execute(
            sa.update(audit_records).where(audit_records.c.seq == 2).values(record=None, subject="job_x")
        )
    broken = admin("audit", "verify", "--json")
    assert broken.exit_code == 1
    assert json.loads(broken.stdout)["fault"]["seq"] == 2
    assert "BROKEN at record 2" in admin("audit", "verify").stdout


def test_what_was_decided_reads_as_text_and_says_what_was_erased(admin: Admin, desk: Desk, database: Database) -> None:
    job = desk.submit(**HELD)
    admin("review", "reject", job.id, *WORD, "policy", "--note", "No.")
    AuditStore(database).seal()
    with database.transaction() as connection:
        connection.execute(sa.update(audit_records).values(prompts=None))
    shown = admin("audit", "show", job.id).stdout
    assert "review: reject" in shown
    assert "by ada under inpaint-default@" in shown
    assert "erased: prompts" in shown
    assert "No." not in shown
    assert admin("audit", "show", "job_none").exit_code == 1


@pytest.mark.parametrize("anchor", ["3", "x:" + "0" * 64, "3:00"])
def test_what_is_no_anchor_is_refused(admin: Admin, anchor: str) -> None:
    assert admin("audit", "verify", "--anchor", anchor).exit_code == 2
