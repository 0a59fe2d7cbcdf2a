"""Deciding without a mouse."""

from __future__ import annotations

from collections import Counter

import pytest
from playwright.sync_api import expect

from storage.case import CaseState
from storage.job import JobState
from tests.browser.conftest import Sit
from tests.contract.console.desk import Console

CASES = 100


@pytest.mark.timeout(300)  # four pages for each case, on a machine that has other work too
def test_a_hundred_cases_are_decided_by_keys_alone(sit: Sit, console: Console) -> None:
    jobs = [console.office.held_request().id for _ in range(CASES)]
    ada = sit("ada")
    ada.page.add_init_script("addEventListener('pointerdown', () => { document.title = 'a mouse' }, true)")
    press, arrive = ada.page.keyboard.press, ada.page.wait_for_url
    ada.open()
    for number in range(CASES):
        press("n")
        arrive("**/cases/case_*", wait_until="domcontentloaded")
        for key in ("a", "1", "Enter") if number % 2 else ("r", "2", "Enter"):
            press(key)
        arrive("**/?done=*", wait_until="domcontentloaded")
    assert ada.page.title() == "Queues · inpaintd"
    assert Counter(console.office.jobs.get(job_id).state for job_id in jobs) == {
        JobState.QUEUED: CASES // 2,
        JobState.BLOCKED: CASES // 2,
    }
    reasons = Counter(case.ruling.reason for job in jobs for case in console.office.cases.of_job(job) if case.ruling)
    assert reasons == {"false_alarm": CASES // 2, "no_consent": CASES // 2}, "the digit chooses the reason"


def test_each_key_does_what_the_list_of_keys_says(sit: Sit, console: Console) -> None:
    console.office.held_result()
    ada = sit("ada")
    press, page = ada.page.keyboard.press, ada.page
    ada.open()
    press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    ada.shot("keys")
    press("Escape")
    press("n")
    page.wait_for_url("**/cases/case_*")
    case_id = ada.case()
    press("v")
    page.get_by_alt_text("input, as it is").wait_for()
    press("s")
    expect(page.get_by_label("Skip, because")).to_be_focused()
    press("Escape")
    press("e")
    page.keyboard.type("n is typed here, not done")
    expect(page.get_by_label("Escalate to the leads, because")).to_have_value("n is typed here, not done")
    press("Escape")
    for key in ("g", "c"):
        press(key)
    page.wait_for_url("**/console/cases")
    press("/")
    page.keyboard.type(case_id)
    press("Enter")
    page.wait_for_url(f"**/cases/{case_id}")
    for key in ("a", "2", "Tab"):
        press(key)
    page.keyboard.type("A note.")
    press("Tab")
    press("Enter")
    page.wait_for_url("**/?done=*")
    page.get_by_role("link", name="Undo").press("Enter")
    page.wait_for_url("**/cases/case_*", wait_until="domcontentloaded")
    press("u")
    page.keyboard.type("Once more.")
    press("Enter")
    expect(page.get_by_role("status")).to_contain_text("undone by ada")
    assert console.office.cases.get(case_id).state is CaseState.DECIDED
