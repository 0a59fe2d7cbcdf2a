"""Bulk decisions in a real browser: chosen, tried dry, proposed, confirmed by another."""

from __future__ import annotations

from playwright.sync_api import expect

from storage.job import JobState
from storage.moderator_store import Role
from tests.browser.conftest import Sit
from tests.contract.console.desk import Console


def test_a_dry_run_then_two_leads(sit: Sit, console: Console) -> None:
    jobs = [console.office.held_request() for _ in range(3)]
    lea, max_ = sit("lea", Role.LEAD), sit("max", Role.LEAD)
    page = lea.open("bulk")
    page.get_by_label("What, and why").select_option("reject:policy")
    page.get_by_label("Note").fill("One campaign.")
    page.get_by_role("button", name="Dry run").click()
    expect(page.get_by_text("3 of 3 cases would be decided")).to_be_visible()
    expect(page.get_by_role("cell", name="The job is blocked.")).to_have_count(3)
    assert {console.office.jobs.get(job.id).state for job in jobs} == {JobState.HELD}
    lea.shot("bulk-dry-run")
    page.get_by_role("checkbox").first.uncheck()
    page.get_by_role("button", name="Propose this decision").click()
    expect(page.get_by_text("Another lead confirms it")).to_be_visible()
    max_.page.goto(page.url)
    max_.page.get_by_role("button", name="Confirm and carry out").click()
    expect(max_.page.get_by_role("cell", name="Done")).to_have_count(2)
    states = sorted(console.office.jobs.get(job.id).state for job in jobs)
    assert states == [JobState.BLOCKED, JobState.BLOCKED, JobState.HELD]
