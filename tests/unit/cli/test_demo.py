"""The parts of the demonstration that decide whether it went well."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from producer.client.types import JobView
from producer.demo.course import Showing
from producer.demo.pictures import drawn, photograph
from producer.demo.scenes import SCENES, Scene
from producer.demo.sheet import CELL, GAP, HEADER, MARGIN, contact_sheet

PATTERN = next(scene for scene in SCENES if "test pattern" in scene.prompt)
FINDING = {"rule": "result.pattern", "detail": "It is the test pattern."}
NOTICE = {"rule": "notice.ai", "detail": "Made by a machine."}


def showing(scene: Scene, status: str, *findings: dict[str, str], result: Image.Image | None = None) -> Showing:
    """A scene whose job ended so."""
    error = {"code": "worker_lost", "message": "It died.", "retryable": False} if status == "failed" else None
    job: Any = {
        "id": "job_1",
        "status": status,
        "error": error,
        "safety": {"findings": list(findings)},
        "params": {"seed": 7},
        "model": {"name": "tiny"},
    }
    image = photograph(scene)
    found: JobView = job
    return Showing(scene, image, drawn(scene.mask, image.size), found, 0.0, 1.5, result)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.photo)
def test_every_photograph_is_at_hand_and_every_mask_leaves_something_of_it(scene: Scene) -> None:
    image = photograph(scene)
    mask = drawn(scene.mask, image.size)
    assert (image.size, image.mode, mask.size) == (scene.size, "RGB", scene.size)
    assert 0.05 < mask.histogram()[255] / (mask.width * mask.height) < 0.5


def test_enough_is_shown() -> None:
    assert sum(scene.ends == ("succeeded",) for scene in SCENES) >= 8
    assert PATTERN.ends == ("blocked", "held")


def test_a_job_that_ended_as_it_must_is_no_problem() -> None:
    assert showing(SCENES[0], "succeeded", NOTICE, result=Image.new("RGB", SCENES[0].size)).problem is None
    assert showing(PATTERN, "held", NOTICE, FINDING).problem is None
    assert showing(PATTERN, "blocked", FINDING).why == "result.pattern"


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (showing(SCENES[0], "failed"), "is failed: It died."),
        (showing(SCENES[0], "held", FINDING), "must end as succeeded and is held"),
        (showing(SCENES[0], "succeeded"), "no result of the size"),
        (showing(SCENES[0], "succeeded", result=Image.new("RGB", (8, 8))), "no result of the size"),
        (showing(PATTERN, "succeeded", result=Image.new("RGB", PATTERN.size)), "must end as blocked or held"),
        (showing(PATTERN, "held", NOTICE), "names no rule"),
    ],
)
def test_whatever_else_happens_is_a_problem(ended: Showing, words: str) -> None:
    assert ended.problem is not None
    assert words in ended.problem


def test_the_contact_sheet_shows_results_and_says_why_there_is_none() -> None:
    made = showing(SCENES[0], "succeeded", result=Image.new("RGB", SCENES[0].size, "#00ff00"))
    sheet = contact_sheet([made, showing(PATTERN, "held", FINDING), showing(SCENES[1], "failed")])
    middle, first = HEADER + CELL // 2, MARGIN + 2 * (CELL + GAP)
    second = first + 3 * CELL + 2 * GAP + MARGIN
    assert sheet.getpixel((first + CELL // 2, middle)) == (0, 255, 0)
    notice = sheet.crop((second, HEADER, second + CELL, HEADER + CELL))
    assert len(set(notice.convert("L").tobytes())) > 2  # an empty panel has one grey
