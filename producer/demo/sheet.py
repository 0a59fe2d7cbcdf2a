"""The contact sheet: input, mask and result of every job, side by side, with what was asked and how it ended."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont, ImageOps

from producer.demo.course import STEPS, Showing

CELL, GAP, MARGIN, CAPTION, HEADER = 200, 10, 36, 58, 76
COLUMNS = 2
CARD = 3 * CELL + 2 * GAP
INK, GREY, PAPER, PANEL, AMBER = "#1d2129", "#6b7280", "#ffffff", "#eef0f3", "#9a5b00"


def contact_sheet(showings: Sequence[Showing]) -> Image.Image:
    """One picture with a card for each job, two cards a row."""
    rows = -(-len(showings) // COLUMNS)
    width = 2 * MARGIN + COLUMNS * CARD + (COLUMNS - 1) * MARGIN
    sheet = Image.new("RGB", (width, HEADER + rows * (CELL + CAPTION) + MARGIN), PAPER)
    _header(ImageDraw.Draw(sheet), showings)
    for number, showing in enumerate(showings):
        row, column = divmod(number, COLUMNS)
        _card(sheet, showing, MARGIN + column * (CARD + MARGIN), HEADER + row * (CELL + CAPTION))
    return sheet


def _header(draw: ImageDraw.ImageDraw, showings: Sequence[Showing]) -> None:
    model = showings[0].job["model"]["name"]
    title = f"inpaintd demo: {len(showings)} jobs, model {model}, {STEPS} steps, one CPU worker"
    draw.text((MARGIN, 18), title, INK, ImageFont.load_default(22))
    for column in range(COLUMNS):
        for place, name in enumerate(("input", "mask", "result")):
            x = MARGIN + column * (CARD + MARGIN) + place * (CELL + GAP)
            draw.text((x, HEADER - 22), name, GREY, ImageFont.load_default(14))


def _card(sheet: Image.Image, showing: Showing, x: int, y: int) -> None:
    result = showing.result or _notice(showing)
    for place, picture in enumerate((showing.image, showing.mask, result)):
        cell = ImageOps.pad(picture.convert("RGB"), (CELL, CELL), color=PANEL)
        sheet.paste(cell, (x + place * (CELL + GAP), y))
    draw, job = ImageDraw.Draw(sheet), showing.job
    seconds = "" if showing.seconds is None else f", {showing.seconds:.1f} s after submit"
    size = f"{showing.image.width} x {showing.image.height} px"
    draw.text((x, y + CELL + 6), f"\u201c{showing.scene.prompt}\u201d", INK, ImageFont.load_default(18))
    line = f"{job['status']}{seconds}, seed {job['params']['seed']}, {size}"
    draw.text((x, y + CELL + 29), line, GREY, ImageFont.load_default(14))


def _notice(showing: Showing) -> Image.Image:
    """What stands where there is no result: the status and, where there is one, the rule."""
    panel = Image.new("RGB", (CELL, CELL), PANEL)
    draw = ImageDraw.Draw(panel)
    status = showing.job["status"]
    label = f"{status}:" if showing.why else status
    lines = [line.replace(". ", ".") for line in textwrap.wrap(showing.why.replace(".", ". "), 22)]
    top = CELL / 2 - 12 * (1 + len(lines))
    draw.text((CELL / 2, top), label, AMBER, ImageFont.load_default(22), anchor="ma")
    for number, line in enumerate(lines):
        draw.text((CELL / 2, top + 32 + 22 * number), line, INK, ImageFont.load_default(15), anchor="ma")
    return panel
