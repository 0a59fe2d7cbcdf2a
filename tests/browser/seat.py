"""Somebody before a real browser, who has the console open."""

from __future__ import annotations

import io
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from playwright.sync_api import Page, expect

DOCS = Path(__file__).parents[2] / "docs" / "console"
SHOTS = "INPAINTD_TEST_SCREENSHOTS"


@dataclass(frozen=True)
class Seat:
    """A page, and who sits before it."""

    name: str
    page: Page
    url: str

    def open(self, path: str = "") -> Page:
        """Opens a page of the console by its address."""
        self.page.goto(f"{self.url}/console/{path}")
        return self.page

    def next(self) -> str:
        """Asks for the next case by its button, and returns its id."""
        self.open()
        self.page.get_by_role("button", name="Next case").click()
        return self.case()

    def case(self) -> str:
        """The id of the case whose page is open."""
        found = re.search(r"/cases/(case_\w+)", self.page.url)
        assert found, self.page.content()
        return found[1]

    def reveal(self, which: str = "input") -> None:
        """Reveals one picture, and waits until it is shown as it is."""
        self.page.get_by_role("button", name=f"Reveal {which}").click()
        self.page.get_by_alt_text(f"{which}, as it is").wait_for()

    def decide(self, choice: str, reason: str, note: str = "", **how: Any) -> None:
        """Fills in one of the two forms and sends it: `choice` is Approve or Reject."""
        self.page.locator("summary").filter(has_text=choice).click()
        form = self.page.get_by_role("group", name=f"{choice}, because")
        form.locator(f"input[value={reason}]").check()
        form.get_by_label("Note").fill(note)
        for measure in how.get("then", ()):
            form.locator(f"input[value={measure}]").check()
        form.get_by_role("button").click()
        self.page.get_by_role("heading", name="Queues").wait_for()

    def shot(self, name: str, scheme: Literal["light", "dark"] = "light") -> None:
        """Writes a picture of the page into the documentation, where that was asked for."""
        if os.environ.get(SHOTS):
            self.page.emulate_media(color_scheme=scheme)
            self.page.set_viewport_size({"width": 1280, "height": 960})
            shot(self.page, name)
            self.page.emulate_media(color_scheme="light")


def shot(page: Page, name: str) -> None:
    """The whole page, once its pictures are there, into docs/console."""
    for picture in page.locator("img").all():
        expect(picture).to_have_js_property("complete", True)
    page.evaluate("scrollTo(0, 0)")
    DOCS.mkdir(exist_ok=True)
    taken = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    taken.save(DOCS / f"{name}.png", optimize=True)
