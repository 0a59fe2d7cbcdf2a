"""The roads of review, in a real browser."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

from storage.case import CaseState
from storage.case_store import CaseFilter
from storage.job import JobState
from storage.moderator_store import Role
from tests.browser.conftest import Sit
from tests.cases import end_lease
from tests.contract.console.desk import PASSWORD, Console


def test_signing_in_by_the_form_and_out_again(sit: Sit, console: Console) -> None:
    console.stranger("ada")
    seat = sit("bea")
    page = seat.page
    page.context.clear_cookies()
    seat.open()
    seat.shot("sign-in")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("not the password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("do not fit")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Queues")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_what_was_held_is_claimed_revealed_approved_and_released(sit: Sit, console: Console) -> None:
    job = console.office.held_result()
    ada = sit("ada")
    case_id = ada.next()
    pictures = watched(ada.page)
    ada.reveal("result-0")
    assert [p for p in pictures if "clear" in p] == [f"/console/cases/{case_id}/pictures/result-0?clear=true"]
    others = ada.page.request.get(f"{ada.url}/console/cases/{case_id}/pictures/input?clear=true")
    assert others.status == 403, "what reveals one picture reveals no other"
    assert console.office.exposures.revealed("ada", case_id) == {"result-0"}
    ada.decide("Approve", "false_alarm")
    expect(ada.page.get_by_role("status")).to_contain_text("approve by ada")
    assert console.office.jobs.get(job.id).state is JobState.SUCCEEDED


def watched(page: Page) -> list[str]:
    """The pictures that the page asks for from now on."""
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url[r.url.index("/console") :]) if "/pictures/" in r.url else None)
    return asked


def test_what_a_browser_shows_before_is_blurred_and_grey(sit: Sit, console: Console) -> None:
    console.office.held_request()
    ada = sit("ada")
    ada.next()
    veiled = ada.page.get_by_alt_text("input, veiled").screenshot()
    ada.reveal("input")
    shown = ada.page.get_by_alt_text("input, as it is")
    expect(shown).to_have_js_property("complete", True)
    clear = shown.screenshot()
    assert colourful(veiled) < 3 < colourful(clear)


def colourful(data: bytes) -> float:
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=float)
    return float(np.ptp(pixels, axis=2).mean())


def test_a_rejection_is_appealed_and_overturned_by_others(sit: Sit, console: Console) -> None:
    job = console.office.held_request()
    ada, bea, cyd = sit("ada"), sit("bea"), sit("cyd")
    ada.next()
    ada.decide("Reject", "policy", "It is gore.", then=["warn"])
    refused = console.office.jobs.get(job.id)
    assert refused.state is JobState.BLOCKED
    assert "another person will decide" in refused.safety["statement"]["text"]
    console.office.appeals.appeal(job.id, job.tenant_id, "It is for a first aid course.")
    ada.open()
    ada.page.get_by_role("button", name="Next case").click()
    expect(ada.page.get_by_role("status")).to_contain_text("Nothing waits for you")
    case_id = bea.next()
    expect(bea.page.get_by_text("first aid course")).to_be_visible()
    bea.decide("Approve", "context", "A course.")
    assert cyd.next() == case_id
    expect(cyd.page.get_by_text("bea proposes to approve")).to_be_visible()
    cyd.shot("four-eyes")
    cyd.page.get_by_role("button", name="Confirm: approve").click()
    expect(cyd.page.get_by_role("status")).to_contain_text("approve by cyd")
    case = console.office.cases.get(case_id)
    assert case.replacement is not None
    assert console.office.jobs.get(case.replacement).state is JobState.QUEUED


def test_two_who_do_not_agree_pass_the_case_to_the_leads(sit: Sit, console: Console) -> None:
    job = console.office.held_request(6)
    lea, max_ = sit("lea", Role.LEAD), sit("max", Role.LEAD)
    case_id = lea.next()
    lea.decide("Reject", "unlawful")
    assert console.office.jobs.get(job.id).state is JobState.HELD
    assert max_.next() == case_id
    max_.page.get_by_label("Or disagree, because").fill("It is a drawing.")
    max_.page.get_by_role("button", name="Pass on to the leads").click()
    assert console.office.cases.get(case_id).state is CaseState.OPEN


def test_undo_from_the_list_of_decisions(sit: Sit, console: Console) -> None:
    job = console.office.held_result()
    ada = sit("ada")
    ada.next()
    ada.decide("Approve", "context")
    ada.page.get_by_role("link", name="Undo").click()
    ada.page.get_by_label("Undo the decision, because").fill("I was too quick.")
    ada.page.keyboard.press("Enter")
    expect(ada.page.get_by_role("status")).to_contain_text("undone by ada")
    assert console.office.jobs.get(job.id).withdrawn_at is not None
    ada.open("decided")
    expect(ada.page.get_by_role("cell", name="by ada")).to_be_visible()
    ada.shot("decided")


def test_a_lease_that_ran_out_says_so_and_gives_the_case_back(sit: Sit, console: Console) -> None:
    console.office.held_request()
    ada, bea = sit("ada"), sit("bea")
    case_id = ada.next()
    end_lease(console.stack.services.database, console.office.cases.get(case_id))
    assert bea.next() == case_id
    ada.page.locator("summary").filter(has_text="Approve").click()
    ada.page.get_by_role("group", name="Approve, because").locator("input[value=context]").check()
    ada.page.get_by_role("button", name="Approve").click()
    expect(ada.page.get_by_role("heading", name="The case is not yours")).to_be_visible()


def test_a_forged_form_is_refused(sit: Sit, console: Console) -> None:
    console.office.held_request()
    ada = sit("ada")
    ada.open()
    ada.page.evaluate("document.querySelectorAll('input[name=csrf]').forEach((field) => { field.value = 'forged' })")
    ada.page.get_by_role("button", name="Next case").click()
    expect(ada.page.get_by_role("heading", name="This form cannot be taken")).to_be_visible()
    assert all(case.lease_no == 0 for case in console.office.cases.page(CaseFilter()))


def test_a_reviewer_without_the_role_is_refused(sit: Sit, console: Console) -> None:
    job = console.office.held_request(6)
    (case,) = console.office.cases.of_job(job.id)
    ada = sit("ada")
    ada.open(f"cases/{case.id}")
    expect(ada.page.get_by_role("heading", name="Not allowed")).to_be_visible()
    expect(ada.page.get_by_role("link", name="Bulk")).to_have_count(0)


def test_the_essential_way_works_without_scripts(sit: Sit, console: Console) -> None:
    job = console.office.held_result()
    ada = sit("ada", java_script_enabled=False)
    ada.next()
    ada.reveal("result-0")
    ada.reveal("input")
    expect(ada.page.get_by_alt_text("result-0, as it is")).to_be_visible()
    ada.decide("Approve", "test")
    assert console.office.jobs.get(job.id).state is JobState.SUCCEEDED
