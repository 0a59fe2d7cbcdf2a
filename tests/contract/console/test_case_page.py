"""What the page of a case tells whoever decides: the words, why it was held, what was made, who asks."""

from __future__ import annotations

import html
import re

import pytest

from safety.verdict import Action, Finding, Signal, Stage, Verdict
from storage.case import CaseKind, Choice, Ruling
from storage.case_rows import case_row
from storage.case_store import CaseFilter
from storage.job import HeldAt, JobResult, JobState
from storage.moderator_store import Role
from tests.contract.console.desk import Browser, Console, lease_in
from tests.contract.moderation.office import mask, png
from tests.jobs import result

PATTERN = "result.test_pattern"


def words(page: str) -> str:
    """The text of a page."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


def test_the_prompt_shows_as_sent_as_judged_and_as_used_with_the_matches_marked(console: Console) -> None:
    tenant = console.stack.tenant("northwind")
    with tenant.http:
        job = tenant.accepted(
            prompt="please REMOVE the w\u0430termark (softly:1.2)", negative_prompt="Blur", prompt_syntax="a1111"
        )
    assert job["status"] == "held"
    ada = console.browser("ada")
    page = ada.get(f"cases/{ada.next()}").text
    (rule, marked) = re.findall(r'<mark title="([^"]+)">([^<]+)</mark>', page)[0]
    assert "mark_removal" in rule
    assert marked.startswith("REMOVE the w\u0430termark"), "as it was sent, with the letter that is not Latin"
    text = words(page)
    assert "As the rules read it please remove the watermark" in text
    assert "As the model reads it please REMOVE the w\u0430termark softly" in text
    assert "Negative, as sent Blur Negative, as the rules read it blur" in text
    assert "Name northwind" in text


@pytest.fixture
def looked_at(console: Console) -> tuple[Browser, str]:
    """A held result with signals, which somebody has before them."""
    office = console.office
    office.desk.submit()
    running = office.desk.claim_one()
    found = Finding(PATTERN, "test_pattern", 2, Stage.RESULT, Action.REVIEW, "It is the test pattern.")
    signals = [
        Signal("concepts.test_pattern", 0.31, 0.0, "clip", "1"),
        Signal("concepts.other", -0.2, 0.0, "clip", "1"),
        Signal("faces.count", None, None, "haar", "2", error="late"),
    ]
    verdict = Verdict.of(office.policy.label, [found], signals)
    place = {"category": "test_pattern", "severity": 2, "rule": PATTERN, "queue": "general", "seconds": 60.0}
    row = case_row(running, CaseKind.HELD, held_at=HeldAt.RESULT, **place)
    made = result(running)
    for key, data in ((running.image_key, png(1)), (str(running.mask_key), mask()), (made.images[0].key, png(2))):
        office.objects.put(key, data, "image/png")
    held = JobResult(made.images, {"actual_steps": 29}, verdict.audit_dict(), made.model)
    assert office.desk.jobs.hold_result(running, held, [row])
    ada = console.browser("ada")
    return ada, ada.next()


def test_each_signal_shows_its_value_its_threshold_and_the_rule_that_reads_it(looked_at: tuple[Browser, str]) -> None:
    ada, case_id = looked_at
    text = words(ada.get(f"cases/{case_id}").text)
    assert f"concepts.test_pattern 0.31 0 {PATTERN} clip 1" in text
    assert "2 other signals" in text
    assert "faces.count failed: late" in text
    assert "concepts.test_pattern above 0" in text, "what the rule asks for"
    assert f"It is the test pattern. {PATTERN} · test pattern, severity 2 · review at the result" in text
    assert '"actual_steps": 29' in text, "the receipt"


def test_what_reveals_one_picture_reveals_no_other(console: Console, looked_at: tuple[Browser, str]) -> None:
    ada, case_id = looked_at
    at = f"cases/{case_id}/pictures"
    assert ada.send(f"cases/{case_id}/reveal", which="result-0").status_code == 200
    seen = {
        name: ada.get(f"{at}/{name}", clear=True).status_code
        for name in ("input", "mask", "result-0", "difference-0", "result-1")
    }
    assert seen == {"input": 403, "mask": 403, "result-0": 200, "difference-0": 403, "result-1": 403}
    for name in ("input", "mask", "result-0", "difference-0"):
        assert ada.get(f"{at}/{name}").status_code == 200, "veiled, as before"
    page = ada.get(f"cases/{case_id}", shown=["input", "result-0"]).text
    assert f"{at}/result-0?clear=true" in page
    assert f"{at}/input?clear=true" not in page
    assert ada.send(f"cases/{case_id}/reveal", which="result-9").status_code == 404
    assert console.office.exposures.revealed("ada", case_id) == {"result-0"}


def test_the_tenants_past_is_told(console: Console) -> None:
    job = console.office.held_request()
    lea, ada = console.browser("lea", Role.LEAD), console.browser("ada")
    first = lea.next()
    lease = lease_in(lea.get(f"cases/{first}").text)
    fields = {"choice": "reject", "reason": "policy", "then": ["warn", "suspend"]}
    lea.send(f"cases/{first}/decide", lease_no=lease, **fields)
    console.office.measures.end(console.office.measures.standing()[0].id, "lea")
    suspended = [one.kind for one in console.office.measures.standing()]
    assert len(suspended) == 1
    lift(console, lea, first)
    console.office.held_request()
    text = words(ada.get(f"cases/{ada.next()}").text)
    assert "The tenant's latest other cases" in text
    assert first in text
    assert f"prompt.some_rule person 0 s {job.id}" in re.sub(r"person \d+ s", "person 0 s", text)
    assert "warn lea" in text
    assert text.count("by lea") >= 2, "both measures have ended"


def lift(console: Console, lea: Browser, case_id: str) -> None:
    """Ends what stands, by the form on the page of measures."""
    (measure,) = console.office.measures.standing()
    page = lea.get("measures").text
    assert measure.id in page
    assert case_id in page
    assert console.browser("ada").send(f"measures/{measure.id}/end", why="Let them.").status_code == 403
    assert lea.send(f"measures/{measure.id}/end", why="They explained it.").status_code == 200
    assert "No tenant is warned or suspended." in lea.get("measures").text


def test_what_two_have_to_undo_waits_for_the_second(console: Console) -> None:
    job = console.office.held_request(6)
    lea, max_ = console.browser("lea", Role.LEAD), console.browser("max", Role.LEAD)
    case_id = lea.next()
    reject = Ruling(Choice.REJECT, "policy")
    office = console.office
    office.decisions.decide(office.cases.get(case_id), office.moderators.named("lea"), reject)
    office.decisions.confirm(office.given(office.moderators.named("max")), office.moderators.named("max"))
    assert "another person has to agree" in lea.get(f"cases/{case_id}").text
    assert "lea wants it undone" in lea.send(f"cases/{case_id}/undo", note="Look again.").text
    assert lea.send(f"cases/{case_id}/undo", note="Now.").status_code == 403
    page = max_.get(f"cases/{case_id}").text
    assert "lea wants it undone:" in page
    assert "Look again." in page
    assert "undone by max" in max_.send(f"cases/{case_id}/undo", note="I agree.").text
    again = office.jobs.get(office.jobs.get(job.id).safety["replaced_by"])
    assert again.state is JobState.QUEUED


def test_after_a_decision_nothing_comes_up_by_itself(console: Console, looked_at: tuple[Browser, str]) -> None:
    ada, case_id = looked_at
    console.office.held_request()
    lease = lease_in(ada.get(f"cases/{case_id}").text)
    page = ada.send(f"cases/{case_id}/decide", lease_no=lease, choice="approve", reason="test")
    assert page.url.path == "/console/"
    assert "Next case" in page.text
    assert all(case.lease_by is None for case in console.office.cases.page(CaseFilter()))
