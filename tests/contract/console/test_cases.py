"""A case on its way through the console, by forms alone."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from PIL import Image, ImageFilter

from storage.audit_store import AuditStore
from storage.case import CaseState
from storage.job import JobState
from storage.moderator_store import Role
from tests.cases import end_lease, open_case
from tests.contract.console.desk import Browser, Console, lease_in

REJECT = {"choice": "reject", "reason": "policy", "note": "It is what the rule is for."}
APPROVE = {"choice": "approve", "reason": "false_alarm"}


def decide(browser: Browser, case_id: str, **fields: str) -> str:
    """Decides a case that the browser holds, and returns the page after it."""
    lease = lease_in(browser.get(f"cases/{case_id}").text)
    answer = browser.send(f"cases/{case_id}/decide", lease_no=lease, **fields)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_an_approved_result_is_released_and_a_rejected_request_blocked(console: Console) -> None:
    released, refused = console.office.held_result(), console.office.held_request()
    ada = console.browser("ada")
    first = ada.next()
    assert "approve by ada" in decide(ada, first, **APPROVE)
    assert console.office.jobs.get(released.id).state is JobState.SUCCEEDED
    second = ada.next()
    decide(ada, second, **REJECT)
    job = console.office.jobs.get(refused.id)
    assert job.state is JobState.BLOCKED
    assert "You may appeal until" in job.safety["statement"]["text"]
    assert "Nothing waits for you" in ada.send("next").text


def test_two_browsers_never_see_one_case(console: Console) -> None:
    jobs = {console.office.held_request().id for _ in range(6)}
    ada, bea = console.browser("ada"), console.browser("bea")
    given = []
    for browser in (ada, bea) * 3:
        case = console.office.cases.get(browser.next())
        given.append(case.job_id)
        browser.send(f"cases/{case.id}/skip", lease_no=case.lease_no, reason="not my field")
        again = browser.send(f"cases/{case.id}/decide", lease_no=case.lease_no, **APPROVE)
        assert again.status_code == 409, "what was passed over is nobody's"
    assert set(given) <= jobs
    mine = ada.next()
    assert bea.next() != mine
    assert bea.send(f"cases/{mine}/take").status_code == 409


def test_a_lease_that_ran_out_gives_the_case_to_the_next_and_refuses_the_late(console: Console) -> None:
    console.office.held_request()
    ada, bea = console.browser("ada"), console.browser("bea")
    case_id = ada.next()
    old = lease_in(ada.get(f"cases/{case_id}").text)
    end_lease(console.stack.services.database, console.office.cases.get(case_id))
    assert ada.send(f"cases/{case_id}/renew", lease_no=old).status_code == 286, "tells the page to ask no more"
    late = ada.send(f"cases/{case_id}/decide", lease_no=old, **APPROVE)
    assert late.status_code == 409
    assert bea.next() == case_id
    assert ada.send(f"cases/{case_id}/decide", lease_no=old, **APPROVE).status_code == 409
    decide(bea, case_id, **APPROVE)


def test_a_decision_is_undone_from_the_list_of_decisions(console: Console) -> None:
    job = console.office.held_result()
    ada = console.browser("ada")
    case_id = ada.next()
    decide(ada, case_id, **APPROVE)
    assert case_id in ada.get("decided").text
    assert case_id not in console.browser("bea").get("decided").text
    assert "Undo" in ada.get(f"cases/{case_id}").text
    assert ada.send(f"cases/{case_id}/undo", note="I looked again.").status_code == 200
    assert console.office.jobs.get(job.id).withdrawn_at is not None
    assert "undone by ada" in ada.get(f"cases/{case_id}").text
    assert ada.send(f"cases/{case_id}/undo", note="Once more.").status_code == 403


def test_four_eyes_see_what_one_proposed(console: Console) -> None:
    job = console.office.held_request(6)
    lea, max_ = console.browser("lea", Role.LEAD), console.browser("max", Role.LEAD)
    case_id = lea.next()
    decide(lea, case_id, **REJECT)
    assert console.office.jobs.get(job.id).state is JobState.HELD
    assert "Nothing waits for you" in lea.send("next").text, "nobody confirms their own word"
    assert max_.next() == case_id
    page = max_.get(f"cases/{case_id}").text
    assert "lea proposes to reject" in page
    max_.send(f"cases/{case_id}/confirm", lease_no=lease_in(page))
    assert console.office.jobs.get(job.id).state is JobState.BLOCKED


def test_an_appeal_goes_to_another_reviewer_and_overturns(console: Console) -> None:
    job = console.office.held_request()
    ada, bea, cyd = (console.browser(name) for name in ("ada", "bea", "cyd"))
    decide(ada, ada.next(), **REJECT)
    console.office.appeals.appeal(job.id, job.tenant_id, "It is for a first aid course.")
    assert "Nothing waits for you" in ada.send("next").text
    case_id = bea.next()
    assert "first aid course" in bea.get(f"cases/{case_id}").text
    decide(bea, case_id, choice="approve", reason="context")
    page = cyd.get(f"cases/{cyd.next()}").text
    cyd.send(f"cases/{case_id}/confirm", lease_no=lease_in(page))
    case = console.office.cases.get(case_id)
    assert case.state is CaseState.DECIDED
    assert case.replacement is not None
    assert console.office.jobs.get(case.replacement).state is JobState.QUEUED


def test_a_restricted_case_is_for_leads_and_shows_nothing_beforehand(console: Console) -> None:
    console.office.held_request(6)
    lea, ada = console.browser("lea", Role.LEAD), console.browser("ada")
    case_id = lea.next()
    assert ada.get(f"cases/{case_id}").status_code == 403
    assert case_id not in ada.get("cases").text
    assert lea.get(f"cases/{case_id}/pictures/input").status_code == 403, "not even blurred"
    assert lea.send(f"cases/{case_id}/reveal", which="input").status_code == 403, "without saying why"
    assert lea.send(f"cases/{case_id}/reveal", which="input", why="The words alone do not tell.").status_code == 200
    assert lea.get(f"cases/{case_id}/pictures/input", clear=True).status_code == 200
    records = [
        r.content for r in AuditStore(console.stack.services.database).of(console.office.cases.get(case_id).job_id)
    ]
    assert [(r["record"]["action"], r["prompts"]["note"]) for r in records if r["record"]["stage"] == "review"] == [
        ("reveal", "input: The words alone do not tell.")
    ]


def grey(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("L"), dtype=np.float64)


def test_a_veiled_picture_carries_no_detail_until_it_is_revealed(console: Console) -> None:
    console.office.held_request()
    ada, lea = console.browser("ada"), console.browser("lea", Role.LEAD)
    case_id = ada.next()
    at = f"cases/{case_id}/pictures/input"
    veiled = ada.get(at)
    assert veiled.headers["cache-control"] == "no-store"
    shown = Image.open(io.BytesIO(veiled.content))
    assert np.ptp(np.asarray(shown.convert("RGB"), dtype=int), axis=2).max() == 0, "grey"
    coarse = np.asarray(shown.convert("L").filter(ImageFilter.GaussianBlur(8)), dtype=np.float64)
    assert np.abs(grey(veiled.content) - coarse).max() < 24, "nothing finer than a twelfth of the picture"
    assert ada.get(at, clear=True).status_code == 403
    assert console.office.exposures.revealed("ada", case_id) == frozenset()
    page = ada.send(f"cases/{case_id}/reveal", which="input")
    assert f"{at}?clear=true" in page.text
    assert console.office.exposures.revealed("ada", case_id) == {"input"}
    clear = ada.get(at, clear=True)
    assert clear.content != veiled.content
    assert clear.headers["cache-control"] == "no-store"
    assert lea.get(at, clear=True).status_code == 409, "whom somebody else's look does not serve"


def test_pictures_are_out_of_reach_without_the_lease_and_without_a_session(console: Console) -> None:
    console.office.held_result()
    ada, bea = console.browser("ada"), console.browser("bea")
    case_id = ada.next()
    for which in ("input", "result-0", "difference-0"):
        assert ada.get(f"cases/{case_id}/pictures/{which}").status_code == 200
        assert bea.get(f"cases/{case_id}/pictures/{which}").status_code == 409
    ada.send(f"cases/{case_id}/reveal", which="result-0")
    address = f"/console/cases/{case_id}/pictures/result-0?clear=true"
    assert ada.http.get(address).status_code == 200
    ada.http.cookies.clear()
    assert ada.http.get(address).headers["location"] == "/console/sign-in"


def test_who_has_looked_at_enough_is_told_to_take_a_break(console: Console) -> None:
    database, limits = console.stack.services.database, console.office.policy.review.exposure
    ada = console.browser("ada")
    for _ in range(math.ceil(limits.limit / limits.weights[6])):
        console.office.exposures.note("ada", open_case(database, severity=6, queue="restricted"), "input")
    waiting = open_case(database)
    page = ada.send("next").text
    assert "Take a break" in page
    assert ada.send(f"cases/{waiting.id}/take").status_code == 403


@pytest.mark.parametrize("query", [{"q": "job_nothing"}, {"queue": "general", "kind": "held"}, {"state": "decided"}])
def test_the_list_filters(console: Console, query: dict[str, str]) -> None:
    job = console.office.held_request()
    ada = console.browser("ada")
    shows = "state" not in query and "q" not in query
    assert (console.office.cases.of_job(job.id)[0].id in ada.get("cases", **query).text) is shows
    assert console.office.cases.of_job(job.id)[0].id in ada.get("cases", q=job.id).text
