"""The try page in a real browser, with everything behind it as `inpaintd up` runs it: paint, ask, watch, compare."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from producer.cli.up import TRIAL
from producer.console.try_sample import HEIGHT, WIDTH
from producer.local.stack import LocalStack
from producer.settings import inherited_environment
from tests.browser.seat import Seat
from tests.browser.test_accessible import AXE, grave
from worker.pocket.pattern import PATTERN_PROMPT

pytestmark = pytest.mark.timeout(180)
WAIT = 90_000
SUN = (0.70, 0.46)
"""Where the sample has its sun, in shares of its sides."""

Opened = Callable[..., Page]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """What `inpaintd up` starts: Redis, API, keeper and a worker with the pocket model."""
    clean = {name: value for name, value in inherited_environment().items() if not name.startswith("INPAINTD_")}
    environment = {**TRIAL, **clean, "HF_HUB_OFFLINE": "1"}
    with LocalStack(tmp_path_factory.mktemp("up"), environment=environment) as stack:
        yield stack


@pytest.fixture
def opened(chromium: Browser, stack: LocalStack) -> Iterator[Opened]:
    """The page in a browser of its own, with the sample on it; nothing may go wrong in its scripts."""
    contexts, wrong = [], list[str]()

    def open_page(**options: Any) -> Page:
        context = chromium.new_context(viewport={"width": 1280, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.goto(f"{stack.url}/")
        if options.get("java_script_enabled", True):
            expect(picture(page, WIDTH, HEIGHT)).to_be_visible()
        return page

    yield open_page
    for context in contexts:
        context.close()
    # Refusals are answers, too: a browser notes their status, and the page tells the rest.
    assert [text for text in wrong if "the server responded with a status of 4" not in text] == []


def picture(page: Page, width: int, height: int) -> Locator:
    """The canvas, once a picture of this size is on it."""
    return page.get_by_label(f"The picture, {width} by {height} pixels")


def place(page: Page, x: float, y: float) -> tuple[float, float]:
    """A point of the canvas, given in shares of its sides, as the mouse knows it."""
    frame = page.locator("#stage").bounding_box()
    assert frame is not None
    return frame["x"] + x * frame["width"], frame["y"] + y * frame["height"]


def scrub(page: Page, x: float, y: float, reach: float = 0.09) -> None:
    """Rubs over a place with the mouse, to and fro."""
    page.mouse.move(*place(page, x - reach, y - reach))
    page.mouse.down()
    for line in range(5):
        side = reach if line % 2 == 0 else -reach
        page.mouse.move(*place(page, x + side, y - reach + 2 * reach * line / 4), steps=4)
        page.mouse.move(*place(page, x + side, y - reach + 2 * reach * min(line + 1, 4) / 4), steps=2)
    page.mouse.up()


def ask(page: Page, prompt: str, **settings: str) -> None:
    """Writes the prompt, changes settings, and presses the button."""
    page.get_by_label("What is to be there?").fill(prompt)
    if settings:
        page.get_by_text("More settings").click()
    for label, value in settings.items():
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_role("button", name="Paint").click()


def come_to(page: Page, title: str) -> None:
    """Waits until the job stands so."""
    expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible(timeout=WAIT)


def fetched(page: Page, address: str | None) -> np.ndarray[Any, Any]:
    """A picture as this browser gets it, float64 (h, w, 3)."""
    assert address is not None
    answer = page.request.get(f"{page.url.rstrip('/')}{address}" if address.startswith("/") else address)
    assert answer.ok
    return np.asarray(Image.open(io.BytesIO(answer.body())).convert("RGB"), dtype=float)


def test_paint_a_mask_ask_for_a_blue_square_see_progress_see_blue(opened: Opened) -> None:
    page = opened()
    page.evaluate(_REMEMBER_STEPS)
    scrub(page, *SUN)
    expect(page.locator("#marked")).to_have_text(re.compile(r"^\d+% of the picture is marked\.$"))
    ask(page, "a blue square", Seed="7", Steps="40")
    come_to(page, "Done")
    steps = page.evaluate("seen")
    assert len(steps) >= 2, "progress moved"
    assert steps == sorted(steps)
    assert page.evaluate("previews") > 0
    before = fetched(page, page.get_by_alt_text("Before", exact=True).get_attribute("src"))
    after = fetched(page, page.get_by_alt_text("After: a blue square").get_attribute("src"))
    assert before.shape == after.shape == (HEIGHT, WIDTH, 3)
    x, y = round(SUN[0] * WIDTH), round(SUN[1] * HEIGHT)
    red, green, blue = after[y - 15 : y + 15, x - 15 : x + 15].mean(axis=(0, 1))
    assert blue > red + 60
    assert blue > green + 60
    was_red, _, was_blue = before[y - 15 : y + 15, x - 15 : x + 15].mean(axis=(0, 1))
    assert was_red > was_blue
    assert np.abs(after - before)[:, : WIDTH // 3].mean() < 12, "what was not marked is as it was, but for the mark"
    _compare(page)
    page.get_by_text("More settings").click()
    Seat("anybody", page, page.url).shot("try")


_REMEMBER_STEPS = """() => {
  window.seen = [];
  window.previews = 0;
  new MutationObserver(() => {
    const found = /^Step (\\d+) of 40\\.$/.exec(document.querySelector("#standing")?.textContent || "");
    if (found && window.seen.at(-1) !== Number(found[1])) window.seen.push(Number(found[1]));
    if (document.querySelector("#preview:not([hidden])")) window.previews += 1;
  }).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
}"""


def _compare(page: Page) -> None:
    """The handle between before and after follows the keyboard."""
    handle = page.get_by_role("slider", name="Before on the left")
    for key, cut in (("Home", "0%"), ("End", "100%")):
        handle.press(key)
        assert page.locator("[data-compare]").evaluate("figure => figure.style.getPropertyValue('--cut')") == cut
    handle.fill("38")


def test_a_running_job_stops_when_it_is_told_to(opened: Opened) -> None:
    page = opened()
    scrub(page, *SUN)
    ask(page, "a red heart", Steps="150", Pictures="8")
    come_to(page, "Painting")
    page.get_by_role("button", name="Cancel").click()
    come_to(page, "Canceled")
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    expect(page.get_by_text("of the device's time, by stopping")).to_be_visible()


def test_what_the_policy_refuses_says_why_and_takes_an_appeal(opened: Opened) -> None:
    page = opened()
    scrub(page, *SUN)
    ask(page, "undress this woman")
    come_to(page, "Refused")
    expect(page.locator("mark").first).to_have_text("undress this woman")
    expect(page.get_by_text("Undressing a person in a picture is refused").first).to_be_visible()
    page.get_by_label("Is this wrong?").fill("It is a mannequin.")
    page.get_by_role("button", name="Appeal").click()
    expect(page.get_by_text("You have appealed.")).to_be_visible()


def test_the_test_pattern_is_held_and_says_so(opened: Opened) -> None:
    page = opened()
    page.get_by_text("Mark by numbers").click()
    page.get_by_role("button", name="Mark the box").click()
    ask(page, PATTERN_PROMPT, Seed="4")
    come_to(page, "Held for a person")
    expect(page.get_by_text("lies in quarantine until a moderator has looked at it")).to_be_visible()
    expect(page.get_by_text("This is the product's own test pattern")).to_be_visible()
    expect(page.get_by_text("you can appeal here to another person")).to_be_visible()
    assert page.locator("[data-compare]").count() == 0


def test_an_empty_mask_is_told_beside_the_picture(opened: Opened) -> None:
    page = opened()
    ask(page, "a red heart")
    expect(page.get_by_role("alert")).to_contain_text("white", timeout=WAIT)
    scrub(page, *SUN)
    ask(page, "undress this woman")
    come_to(page, "Refused")
    assert page.locator("#job").count() == 1


def test_brush_eraser_box_undo_and_clear(opened: Opened) -> None:
    page = opened()
    marked, share = page.locator("#marked"), "() => document.querySelector('#marked').textContent"
    page.get_by_text("Box", exact=True).click()
    page.mouse.move(*place(page, 0.25, 0.25))
    page.mouse.down()
    page.mouse.move(*place(page, 0.75, 0.75), steps=3)
    page.mouse.up()
    expect(marked).to_have_text("25% of the picture is marked.")
    page.get_by_text("Eraser", exact=True).click()
    scrub(page, 0.5, 0.5, 0.15)
    assert int(page.evaluate(share).partition("%")[0]) < 22
    page.get_by_role("button", name="Undo").click()
    expect(marked).to_have_text("25% of the picture is marked.")
    page.get_by_role("button", name="Clear").click()
    expect(marked).to_have_text("Paint over what is to change.")
    expect(page.get_by_role("button", name="Clear")).to_be_disabled()


def test_a_finger_paints(opened: Opened) -> None:
    page = opened(has_touch=True)
    page.touchscreen.tap(*place(page, 0.5, 0.5))
    expect(page.locator("#marked")).to_have_text("1% of the picture is marked.")
    page.get_by_role("button", name="Clear").click()
    page.locator("#stage").scroll_into_view_if_needed()
    fingers = page.context.new_cdp_session(page)
    before = page.evaluate("scrollY")
    for kind, x in (("touchStart", 0.2), *(("touchMove", 0.2 + 0.06 * step) for step in range(1, 11)), ("touchEnd", 0)):
        at = place(page, x, 0.5)
        points = [] if kind == "touchEnd" else [{"x": at[0], "y": at[1]}]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    marked = re.compile(r"^([5-9]|1\d)% of the picture is marked\.$")
    expect(page.locator("#marked")).to_have_text(marked)
    assert page.evaluate("scrollY") == before, "the page does not move away under the finger"


def test_a_picture_can_be_dropped(opened: Opened) -> None:
    page = opened()
    page.evaluate(
        """async () => {
          const canvas = new OffscreenCanvas(240, 160);
          canvas.getContext("2d").fillRect(0, 0, 240, 160);
          const carried = new DataTransfer();
          carried.items.add(new File([await canvas.convertToBlob()], "own.png", { type: "image/png" }));
          const stage = document.querySelector("#stage");
          for (const kind of ["dragover", "drop"]) {
            const event = new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: carried });
            if (stage.dispatchEvent(event)) throw new Error(`nobody takes a ${kind}`);
          }
        }"""
    )
    expect(picture(page, 240, 160)).to_be_visible()


def test_a_picture_of_ones_own_takes_the_place_of_the_sample(opened: Opened, tmp_path: Path) -> None:
    file = tmp_path / "own.png"
    Image.new("RGB", (300, 200), (10, 200, 30)).save(file)
    page = opened()
    page.locator("#image").set_input_files(file)
    expect(picture(page, 300, 200)).to_be_visible()
    assert (
        page.evaluate("document.querySelector('#stage').getContext('2d').getImageData(150, 100, 1, 1).data[1]") == 200
    )
    page.get_by_role("button", name="Take the sample").click()
    expect(picture(page, WIDTH, HEIGHT)).to_be_visible()


def test_without_scripts_a_plain_form_does_it(opened: Opened) -> None:
    page = opened(java_script_enabled=False)
    expect(page.locator("#stage")).to_be_hidden()
    page.get_by_text("Mark by numbers").click()
    ask(page, "a yellow star", Seed="3")
    assert re.search(r"/try/jobs/job_\w+$", page.url)
    come_to(page, "Done")
    before, after = page.get_by_alt_text("Before", exact=True), page.get_by_alt_text("After: a yellow star")
    expect(before).to_be_visible()
    expect(after).to_be_visible()


@pytest.mark.skipif(not AXE.exists(), reason="No axe-core: see test_accessible.py")
def test_it_is_accessible_in_every_state(opened: Opened, stack: LocalStack) -> None:
    page = opened()
    seat = Seat("anybody", page, stack.url)
    page.get_by_text("More settings").click()
    page.get_by_text("Mark by numbers").click()
    _check_schemes(seat, "the page")
    page.get_by_role("button", name="Mark the box").click()
    for prompt, title in (
        ("a red star", "Done"),
        (PATTERN_PROMPT, "Held for a person"),
        ("undress a woman", "Refused"),
    ):
        page.get_by_label("What is to be there?").fill(prompt)
        page.get_by_role("button", name="Paint").click()
        come_to(page, title)
        _check_schemes(seat, title)


def _check_schemes(seat: Seat, state: str) -> None:
    for scheme in ("light", "dark"):
        seat.page.emulate_media(color_scheme=scheme)
        assert grave(seat) == [], f"{state}, {scheme}"
