"""The operator's page in a real browser: what happens shows by itself, without loading it again."""

from __future__ import annotations

from playwright.sync_api import expect

from storage.moderator_store import Role
from tests.browser.conftest import Sit
from tests.browser.hours import an_hour
from tests.browser.seat import Seat
from tests.contract.console.desk import Console


def test_what_happens_shows_by_itself(sit: Sit, console: Console) -> None:
    olga = sit("olga", Role.LEAD)
    an_hour(console.stack)
    page = olga.open("operator")
    expect(page.get_by_role("heading", name="Queue", exact=True)).to_be_visible()
    queue = page.locator("#queue")
    expect(queue.get_by_text("a tenant of the last minute")).to_have_count(0)
    shown(olga)
    page.evaluate("window.same = true")
    late = console.stack.tenant("a tenant of the last minute")
    with late.http:
        late.accepted()
    expect(queue.get_by_text("a tenant of the last minute")).to_be_visible(timeout=15_000)
    assert page.evaluate("window.same"), "the page was not loaded again"
    expect(queue).to_have_count(1)


def shown(olga: Seat) -> None:
    """Everything that an hour of work leaves behind."""
    page = olga.page
    expect(page.locator("#throughput rect.succeeded").first).to_be_visible()
    expect(page.locator("#failures")).to_contain_text("out_of_memory")
    expect(page.locator("#webhooks")).to_contain_text("hooks.umbrella.example")
    expect(page.locator("#workers")).to_contain_text("tests")
    expect(page.locator("#tenants")).to_contain_text("of 500")
    olga.shot("operator")
