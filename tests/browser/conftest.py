"""A real Chromium, and people who sit before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from producer.console.session import COOKIE
from storage.moderator_store import Role
from tests.contract.console.desk import Console
from tests.contract.console.opened import console, console_stack

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser.seat import Seat

__all__ = ["console", "console_stack"]

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# An import of playwright where there is none would end the whole run; the one that is left says what is missing.
_TESTS = {path.name for path in Path(__file__).parent.glob("test_*.py")} - {"test_there_is_a_browser.py"}
collect_ignore = [] if find_spec("playwright") else sorted(_TESTS)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The browser. Ended with this folder, for as long as it runs nobody else in this process may use asyncio."""
    if find_spec("playwright") is None:
        pytest.skip("Playwright is not installed: pip install --group dev")
    if not CHROMIUM.exists():
        pytest.skip(f"There is no {CHROMIUM}: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


Sit = Callable[..., "Seat"]


@pytest.fixture
def sit(chromium: Browser, console: Console) -> Iterator[Sit]:
    """Somebody of this name and role before a browser of their own, signed in."""
    from tests.browser.seat import Seat

    opened = []

    def seat(name: str, role: Role = Role.REVIEWER, **options: object) -> Seat:
        context = chromium.new_context(viewport={"width": 1280, "height": 800}, **options)  # type: ignore[arg-type]
        opened.append(context)
        context.set_default_timeout(15_000)
        cookies = console.browser(name, role).http.cookies
        context.add_cookies([{"name": COOKIE, "value": cookies[COOKIE], "url": console.stack.url}])
        return Seat(name, context.new_page(), console.stack.url)

    yield seat
    for context in opened:
        context.close()
