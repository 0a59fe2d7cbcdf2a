"""What leads do besides deciding: banks, replay, the record, known answers."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import yaml

from safety.policy_files import PACKAGED
from storage.also import add_rows
from storage.audit import Decision, PolicyId, Prompts, Stage, Wording
from storage.audit_rows import audit_row
from storage.audit_store import AuditStore
from storage.moderator_store import Role
from tests.contract.console.desk import Browser, Console
from tests.contract.moderation.office import png

LEADS_PAGES = ("bulk", "measures", "record", "figures", "banks", "policy")


@pytest.mark.parametrize("path", LEADS_PAGES)
def test_reviewers_do_not_see_what_leads_see(console: Console, path: str) -> None:
    assert console.browser("ada").get(path).status_code == 403
    for name, role in (("lea", Role.LEAD), ("eve", Role.AUDITOR)):
        assert console.browser(name, role).get(path).status_code == 200


def upload(browser: Browser, path: str, files: list[tuple[str, tuple[str, bytes]]], **fields: str) -> str:
    answer = browser.http.post(
        f"/console/{path}", data={"csrf": browser.csrf, **fields}, files=files, follow_redirects=True
    )
    return answer.text


def actions(console: Console, subject: str) -> list[tuple[str, str, str]]:
    found = [r.content for r in AuditStore(console.stack.services.database).of(subject)]
    return [(r["record"]["action"], r["record"]["actor"], r["prompts"]["note"]) for r in found]


def test_a_picture_goes_into_a_bank_and_out_and_all_of_it_is_on_record(console: Console) -> None:
    lea = console.browser("lea", Role.LEAD)
    files = [("files", ("a.png", png(31))), ("files", ("b.png", png(32)))]
    assert "2 added" in upload(lea, "banks/add", files, bank="campaign", why="Seen in a campaign.")
    assert "0 added" in upload(lea, "banks/add", files[:1], bank="campaign", why="Again.")
    entries = console.office.banks.all("campaign")
    page = lea.get("banks", bank="campaign").text
    assert all(text in page for text in (entries[0].id, "Seen in a campaign.", "lea"))
    lea.send("banks/remove", entry=entries[0].id, bank="campaign", why="The wrong one.")
    assert [entry.id for entry in console.office.banks.all("campaign")] == [entries[1].id]
    assert actions(console, "campaign") == [
        ("bank_add", "lea", "2 pictures: Seen in a campaign."),
        ("bank_add", "lea", "1 pictures: Again."),
        ("bank_remove", "lea", f"{entries[0].id}: The wrong one."),
    ]


def test_hashes_are_imported_and_what_is_no_hash_is_told(console: Console) -> None:
    lea = console.browser("lea", Role.LEAD)
    hashes = "hash,quality\n" + "\n".join(f"{n:064x},80" for n in (1 << 200, 1 << 100))
    assert "2 added" in upload(lea, "banks/import", [("file", ("a.csv", hashes.encode()))], bank="lists", why="A list.")
    wrong = upload(lea, "banks/import", [("file", ("a.csv", b"nonsense\nmore"))], bank="lists", why="A list.")
    assert "does not begin with a PDQ hash" in wrong
    flat = upload(lea, "banks/add", [("files", ("a.txt", b"no picture"))], bank="lists", why="x")
    assert "send a PNG, JPEG or WebP file" in flat
    assert "The form is not complete" in upload(lea, "banks/add", [], bank="NO NAME", why="x")


def test_a_similar_picture_is_found_in_the_banks(console: Console) -> None:
    console.office.held_request()
    lea = console.browser("lea", Role.LEAD)
    upload(lea, "banks/add", [("files", ("a.png", png()))], bank="known-ones", why="Known from elsewhere.")
    found = lea.get(f"cases/{lea.next()}/similar").text
    assert "known-ones" in found
    assert "Known from elsewhere." in found


def test_past_decisions_are_made_again_under_another_policy(console: Console) -> None:
    words = Wording("a red circle in a meadow")
    rules = PolicyId("p", "1.0.0", "0" * 64)
    made = Decision(Stage.PROMPT, "block", rules, prompts=Prompts(words, words, words))
    with console.stack.services.database.transaction() as connection:
        add_rows(connection, [audit_row("job_replayed", made)])
    AuditStore(console.stack.services.database).seal()
    lea = console.browser("lea", Role.LEAD)
    page = upload(lea, "policy", [("file", ("p.yaml", PACKAGED.read_bytes()))], limit="10")
    assert "job_replayed" in page
    assert "<td>block</td><td>allow</td>" in page
    document = yaml.safe_load(PACKAGED.read_text())
    del document["categories"]["unchecked"]
    broken = upload(lea, "policy", [("file", ("p.yaml", yaml.safe_dump(document).encode()))])
    assert "category `unchecked` must exist" in broken
    assert str(Path("/tmp")) not in broken, "and not where the file lay meanwhile"


def test_the_record_is_taken_away_in_both_forms(console: Console) -> None:
    job = console.office.held_request()
    ada, eve = console.browser("ada"), console.browser("eve", Role.AUDITOR)
    case = console.office.cases.get(ada.next())
    ada.send(f"cases/{case.id}/decide", lease_no=case.lease_no, choice="reject", reason="policy", note="No.")
    AuditStore(console.stack.services.database).seal()
    lines = [json.loads(line) for line in io.StringIO(eve.get("record/export", kind="jsonl").text)]
    assert [(line["action"], line["actor"], line["note"]) for line in lines if line["job"] == job.id] == [
        ("reject", "ada", "No.")
    ]
    assert job.id in eve.get("record/export", kind="csv").text
    assert job.id in eve.get("record").text


def test_a_decided_case_becomes_a_known_one(console: Console) -> None:
    console.office.held_request()
    ada, lea = console.browser("ada"), console.browser("lea", Role.LEAD)
    case = console.office.cases.get(ada.next())
    ada.send(f"cases/{case.id}/decide", lease_no=case.lease_no, choice="reject", reason="policy")
    assert ada.send(f"cases/{case.id}/known").status_code == 403
    assert lea.send(f"cases/{case.id}/known").status_code == 200
    assert case.id in lea.get("figures").text
    lea.send(f"cases/{case.id}/unknown")
    assert case.id not in lea.get("figures").text
