"""Promise 4, first half: whichever signal breaks, in whichever way, no image becomes visible.

The signals are those that the policy requires, so that a new one is tried as soon as it is required.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from safety.checks import check_input, check_result
from safety.evidence import APPEARED, BEFORE, COMPOSITE, INPUT, REGION, WHOLE, Evidence, SignalSource, Submission
from safety.policy import Policy
from safety.verdict import PASSING, Verdict
from storage.job import Job, JobState
from storage.live import Live
from tests.packaged import POLICY
from tests.unit.worker.workbench import SIDE, Bench
from worker import execution
from worker.marking import MarkedImage
from worker.preview import Previewer
from worker.tools import Tools

INPUT_SOURCES = [required.source for required in POLICY.input_signals]
RESULT_SOURCES = [required.source for required in POLICY.result_signals]
FAILURES = ("signal.failed.", "signal.missing.")
SECONDS = 0.05


class Broken:
    """A source of signals that is not what it should be."""

    version = "1"

    def __init__(self, name: str, answer: Callable[[Evidence], Any]) -> None:
        self.name = name
        self._answer = answer

    def measure(self, evidence: Evidence) -> Any:
        return self._answer(evidence)


def _raise(_: Evidence) -> Any:
    raise RuntimeError("weights are gone")


def _hang(_: Evidence) -> Any:
    threading.Event().wait(10 * SECONDS)
    return {WHOLE: {"late": 0.0}}


def _each(scores: dict[str, Any]) -> Callable[[Evidence], Any]:
    return lambda evidence: dict.fromkeys(evidence.images, scores)


WAYS: dict[str, Callable[[Evidence], Any]] = {
    "raises": _raise,
    "has run out of memory": lambda _: (_ for _ in ()).throw(MemoryError()),
    "is late": _hang,
    "answers NaN": _each({"concept_1": math.nan}),
    "answers infinity": _each({"concept_1": math.inf}),
    "answers minus infinity": _each({"concept_1": -math.inf}),
    "answers one NaN among good ones": _each({"test_pattern": -1.0, "concept_1": math.nan}),
    "answers NaN in a comparison": lambda e: _each({"test_pattern": -1.0})(e) | {APPEARED: {"test_pattern": math.nan}},
    "answers nothing": lambda _: {},
    "answers without scores": _each({}),
    "answers without scores for one picture": lambda e: {v: {"a": 0.0} if n else {} for n, v in enumerate(e.images)},
    "answers words": _each({"concept_1": "clean"}),
    "answers none": lambda _: None,
    "answers a list": lambda _: [0.0],
}  # fmt: skip


def sources_without(tools: Tools, name: str) -> Tools:
    """The same tools, in which nobody measures `name` any more."""
    served = {
        alias: replace(model, classifiers=[c for c in model.classifiers if c.name != name])
        for alias, model in tools.models.items()
    }
    return replace(tools, models=served, sources=[source for source in tools.sources if source.name != name])


def hurried(policy: Policy, name: str) -> Policy:
    """The same policy, which does not wait for `name`."""

    def hurry(signals: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(s.model_copy(update={"timeout_seconds": SECONDS}) if s.source == name else s for s in signals)

    return replace(policy, input_signals=hurry(policy.input_signals), result_signals=hurry(policy.result_signals))


def broken(bench: Bench, name: str, *sources: SignalSource) -> None:
    """Puts `sources` in the place of the one called `name`."""
    tools = sources_without(bench.tools, name)
    bench.tools = replace(tools, sources=[*tools.sources, *sources], policy=hurried(tools.policy, name))


@pytest.fixture
def marked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks take most of a job's time; tests of what is checked can do with one."""
    real, kept = execution.mark_and_sign, list[MarkedImage]()

    def mark(*arguments: Any) -> MarkedImage:
        if not kept:
            kept.append(real(*arguments))
        return kept[0]

    monkeypatch.setattr(execution, "mark_and_sign", mark)


def assert_withheld(bench: Bench, job: Job, why: str) -> None:
    """Not one byte of it can be fetched, and the record says what was not checked."""
    assert job.state is JobState.HELD, why
    assert any(finding["rule"].startswith(FAILURES) for finding in job.safety["findings"]), why
    assert all(key.startswith("quarantine/") for key in bench.made()), why


def test_with_every_signal_whole_the_result_is_released(bench: Bench) -> None:
    assert bench.run().state is JobState.SUCCEEDED, "or the tests below would show nothing"


@pytest.mark.parametrize("name", sorted({*INPUT_SOURCES, *RESULT_SOURCES}))
def test_however_a_required_signal_breaks_a_person_decides(bench: Bench, marked_once: None, name: str) -> None:
    whole = bench.tools
    for way, answer in WAYS.items():
        bench.tools = whole
        broken(bench, name, Broken(name, answer))
        assert_withheld(bench, bench.run(), f"{name} {way}")


@pytest.mark.parametrize("stage", ["input_signals", "result_signals"])
def test_a_required_signal_that_nobody_measures_is_not_taken_for_a_good_one(bench: Bench, stage: str) -> None:
    policy = bench.tools.policy
    required = getattr(policy, stage)
    absent = required[0].model_copy(update={"source": "absent", "rules": ()})
    bench.tools = replace(bench.tools, policy=replace(policy, **{stage: (*required, absent)}))
    assert_withheld(bench, bench.run(), stage)


@pytest.mark.parametrize("name", sorted({*INPUT_SOURCES, *RESULT_SOURCES} - {"mask", "prompt"}))
def test_weights_that_are_missing_hold_every_job(bench: Bench, name: str) -> None:
    broken(bench, name)
    assert_withheld(bench, bench.run(), name)


@pytest.mark.parametrize("name", RESULT_SOURCES)
def test_a_signal_that_breaks_at_one_image_holds_all_of_them(bench: Bench, marked_once: None, name: str) -> None:
    whole = bench.tools
    for at in range(3):
        asked = iter(range(10))
        good = next(source for source in whole.sources_of("default") if source.name == name)

        def answer(evidence: Evidence, at: int = at, asked: Iterator[int] = asked, good: SignalSource = good) -> Any:
            of_result = evidence.region is not None
            return _raise(evidence) if of_result and next(asked) == at else good.measure(evidence)

        bench.tools = whole
        broken(bench, name, Broken(name, answer))
        assert_withheld(bench, bench.run(num_images=3), f"{name} at image {at}")
        assert len(bench.made()) == 3 * (at + 1)


def test_a_persons_word_on_one_broken_signal_does_not_cover_another(bench: Bench) -> None:
    whole = bench.tools
    first, second, *_ = sorted({*INPUT_SOURCES} - {*RESULT_SOURCES, "mask", "prompt"})
    broken(bench, first)
    verdict = Verdict.from_dict(bench.run().safety)
    passed = verdict.waiving(verdict.waivable).audit_dict()
    outcomes = {}
    for also_broken in (None, second):
        bench.tools = whole
        broken(bench, first)
        if also_broken is not None:
            broken(bench, also_broken)
        job = bench.store()
        bench.execute(replace(job, safety=passed))
        outcomes[also_broken] = bench.row(job).state
    assert outcomes == {None: JobState.SUCCEEDED, second: JobState.HELD}


def test_a_checker_whose_answers_no_rule_judges_has_checked_nothing(bench: Bench) -> None:
    """Say, other weights under the same name: what they call concepts, the policy has never heard of."""
    judged = [required.source for required in POLICY.result_signals if required.rules and required.recorded]
    for name in judged:
        broken(bench, name, Broken(name, _each({"special_0": -1.0})))
        assert_withheld(bench, bench.run(), name)


class Notes:
    """A publisher that only remembers."""

    def __init__(self) -> None:
        self.news: list[Live] = []

    def progress(self, job_id: str, news: Live) -> None:
        self.news.append(news)


@pytest.mark.parametrize("name", RESULT_SOURCES)
def test_however_a_signal_breaks_no_preview_is_shown(bench: Bench, name: str) -> None:
    job, pixels = bench.store(), np.full((16, 24, 3), 90, np.uint8)
    whole = bench.tools.sources_of("default")
    others = [source for source in whole if source.name != name]
    for way, answer in WAYS.items():
        notes = Notes()
        previewer = Previewer(1, notes, hurried(bench.tools.policy, name))  # type: ignore[arg-type]
        previewer._judge(pixels, previewer.of(job, lambda: 1, [*others, Broken(name, answer)], pixels))
        previewer._judge(pixels, previewer.of(job, lambda: 1, others, pixels))
        assert notes.news == [], f"{name} {way}"
        previewer._judge(pixels, previewer.of(job, lambda: 1, whole, pixels))
        assert len(notes.news) == 1, "a whole one is shown, or this would show nothing"
        previewer.close()


def test_a_source_that_draws_on_what_it_is_shown_changes_nothing_that_leaves(bench: Bench) -> None:
    def scribble(evidence: Evidence) -> Any:
        for image in (*evidence.images.values(), evidence.before):
            if image is not None:
                ImageDraw.Draw(image).rectangle((0, 0, SIDE, SIDE), fill="red")
                image.thumbnail((8, 8))
        return {COMPOSITE: {"test_pattern": -1.0}, REGION: {"test_pattern": -1.0}}

    for name in RESULT_SOURCES:
        broken(bench, name, Broken(name, scribble))
    images = bench.run(num_images=2).images
    assert len(images) == 2
    for image in images:
        assert (image.width, image.height) == (SIDE, SIDE)
        with Image.open(bench.objects._path(image.key)) as made:
            red, green, _ = np.moveaxis(np.asarray(made.convert("RGB")).astype(int), 2, 0)
            assert (red - green).mean() < 50


CONCEPTS = st.sampled_from(["test_pattern", "concept_1", "special_0", "area"])
NUMBERS = st.sampled_from([0.5, -1.0, 0, True, math.nan, math.inf, -math.inf, None, "x", [0.0]])
SCORES = st.dictionaries(CONCEPTS, NUMBERS, max_size=2)
VIEWS = st.sampled_from([INPUT, COMPOSITE, REGION, BEFORE, APPEARED, WHOLE])
ANSWERS = st.one_of(st.none(), st.lists(SCORES, max_size=2), st.dictionaries(VIEWS, SCORES, max_size=2))


def is_sound(answer: Any) -> bool:
    """Whether every one of the scores is a number."""
    scored = isinstance(answer, dict) and answer and all(answer.values())
    return bool(scored) and all(
        isinstance(score, int | float) and math.isfinite(score) for of in answer.values() for score in of.values()
    )


@settings(max_examples=60, deadline=None)
@given(answer=ANSWERS, at_input=st.booleans())
def test_no_answer_that_is_not_all_numbers_lets_anything_pass(answer: Any, at_input: bool) -> None:
    picture, mask = Image.new("RGB", (SIDE, SIDE)), Image.new("L", (SIDE, SIDE), 255)
    names = INPUT_SOURCES if at_input else RESULT_SOURCES
    for name in names:
        source = Broken(name, lambda _: answer)
        if at_input:
            verdict = check_input(Submission(picture, mask, prompt="a circle"), POLICY, [source])
        else:
            verdict = check_result(picture, (0, 0, SIDE, SIDE), POLICY, [source], picture)
        assert is_sound(answer) or verdict.action not in PASSING
