"""A preview is shown only if it passes the checks of a result, and never keeps the engine waiting."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from PIL import Image

from safety.evidence import of_images
from storage.live import Live
from tests.unit.worker.workbench import CLEAN, Bench
from worker import preview as preview_module
from worker.preview import JobPreviews, Previewer

PIXELS = np.full((16, 24, 3), (200, 60, 20), np.uint8)
BEFORE = np.full((128, 192, 3), (20, 60, 200), np.uint8)


class Publisher:
    """Notes what is published."""

    def __init__(self) -> None:
        self.news: list[tuple[str, Live]] = []

    def progress(self, job_id: str, news: Live) -> None:
        self.news.append((job_id, news))


class Judge:
    """Answers when it is let, with what it is told to."""

    name, version = "concepts", "1"

    def __init__(self, answer: Callable[[], dict[str, float]] = lambda: CLEAN) -> None:
        self.answer = answer
        self.seen: list[tuple[int, int]] = []
        self.gate = threading.Event()
        self.gate.set()

    def scores(self, images: Sequence[Image.Image]) -> list[dict[str, float]]:
        assert self.gate.wait(10)
        self.seen += [image.size for image in images]
        return [self.answer() for _ in images]


@pytest.fixture
def publisher() -> Publisher:
    return Publisher()


@pytest.fixture
def previewer(bench: Bench, publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> Iterator[Previewer]:
    monkeypatch.setattr(preview_module, "REST_SECONDS", 0.0)
    made = Previewer(5, publisher, bench.tools.policy)  # type: ignore[arg-type]
    yield made
    made.close()


def previews(bench: Bench, previewer: Previewer, *judges: Judge) -> JobPreviews:
    return previewer.of(bench.store(steps=20), lambda: 7, [*of_images(judges), *bench.tools.sources], BEFORE)


def shown(sink: JobPreviews, pixels: Any = PIXELS) -> None:
    """Shows a picture and returns when all is done about it."""
    sink.show(pixels)
    until_wanted(sink)


def until_wanted(sink: JobPreviews) -> None:
    """Returns when nothing is being judged."""
    for _ in range(2000):
        if sink.wants(5):
            return
        threading.Event().wait(0.005)
    raise AssertionError("no preview is wanted any more")


def test_an_allowed_preview_is_published_as_a_small_picture(
    bench: Bench, previewer: Previewer, publisher: Publisher
) -> None:
    judge = Judge()
    sink = previews(bench, previewer, judge)
    shown(sink)
    ((job_id, live),) = publisher.news
    assert job_id == sink.job.id
    assert (live.attempt, live.step, live.steps) == (1, 7, 20)
    assert live.preview is not None
    head, _, data = live.preview.partition(",")
    assert head == "data:image/jpeg;base64"
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    assert picture.shape == PIXELS.shape
    assert np.abs(picture.astype(int) - PIXELS).max() < 12
    assert set(judge.seen) == {(24, 16)}


def _raise() -> dict[str, float]:
    raise RuntimeError("the checker broke")


@pytest.mark.parametrize(
    "answer",
    [
        lambda: {**CLEAN, "concept_1": 0.5},
        lambda: {**CLEAN, "test_pattern": 0.5},
        lambda: {**CLEAN, "concept_1": float("nan")},
        lambda: {},
        _raise,
    ],
    ids=["flagged", "test pattern", "not a number", "no scores", "failed"],
)
def test_anything_less_than_allowed_is_not_shown(
    bench: Bench, previewer: Previewer, publisher: Publisher, answer: Callable[[], dict[str, float]]
) -> None:
    shown(previews(bench, previewer, Judge(answer)))
    assert publisher.news == []


class Comparing(Judge):
    """Finds more of a concept in what is red than in what is blue."""

    def scores(self, images: Sequence[Image.Image]) -> list[dict[str, float]]:
        reds = [np.asarray(image)[..., 0].mean() > 100 for image in images]
        return [{**CLEAN, "concept_1": -0.005 if red else -0.2} for red in reds]


def test_what_appeared_since_the_input_is_judged_as_in_a_result(
    bench: Bench, previewer: Previewer, publisher: Publisher
) -> None:
    shown(previews(bench, previewer, Comparing()))
    assert publisher.news == []
    shown(previews(bench, previewer, Comparing()), BEFORE[:16, :24])
    assert len(publisher.news) == 1, "nothing appeared"


def test_without_a_classifier_nothing_is_shown(bench: Bench, previewer: Previewer, publisher: Publisher) -> None:
    shown(previews(bench, previewer))
    assert publisher.news == []


def test_only_every_nth_step_is_wanted(bench: Bench, previewer: Previewer) -> None:
    sink = previews(bench, previewer, Judge())
    assert [step for step in range(1, 21) if sink.wants(step)] == [5, 10, 15, 20]


def test_while_one_is_judged_no_other_is_wanted(bench: Bench, previewer: Previewer, publisher: Publisher) -> None:
    judge = Judge()
    judge.gate.clear()
    sink = previews(bench, previewer, judge)
    sink.show(PIXELS)
    assert not sink.wants(5)
    judge.gate.set()
    until_wanted(sink)
    shown(sink)
    assert len(publisher.news) == 2


def test_a_failure_does_not_end_previews(bench: Bench, previewer: Previewer, publisher: Publisher) -> None:
    sink = previews(bench, previewer, Judge())
    shown(sink, np.zeros((3, 3, 7), np.uint8))
    shown(sink)
    assert len(publisher.news) == 1


def sinks(bench: Bench, **params: Any) -> list[object]:
    """What the requests of one job carry as their sink."""
    seen: list[object] = []
    begin = bench.runner.begin
    bench.runner.begin = lambda request, *rest: (seen.append(request.previews), begin(request, *rest))[1]  # type: ignore[method-assign, assignment, func-returns-value]
    bench.run(**params)
    return seen


def test_a_job_has_previews_only_if_the_operator_wants_them(bench: Bench, previewer: Previewer) -> None:
    assert sinks(bench) == [None]
    object.__setattr__(bench.tools, "previewer", previewer)
    first, second = sinks(bench, num_images=2)
    assert isinstance(first, JobPreviews)
    assert second is None, "of its first image only"


def test_a_job_that_is_not_plainly_allowed_has_none(bench: Bench, previewer: Previewer) -> None:
    object.__setattr__(bench.tools, "previewer", previewer)
    desk = bench.desk
    real = desk.submit
    labeled = {"action": "label", "policy": "test@1", "findings": [], "signals": []}
    desk.submit = lambda **changes: real(**changes, safety=labeled)  # type: ignore[method-assign]
    assert sinks(bench) == [None]
