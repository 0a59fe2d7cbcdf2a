"""What the checks conclude from signals, and that they fail closed."""

import json
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest
from PIL import Image

from safety.checks import check_input, check_result
from safety.evidence import Evidence, OfImages, Scores, Submission
from safety.policy import Policy
from safety.signal_schema import Bound, RequiredSignal, ScoreExample, SignalRule
from safety.verdict import Action, Signal, Stage, Verdict
from tests.packaged import POLICY as PACKAGED

CONCEPTS = next(required for required in PACKAGED.result_signals if required.source == "concepts")
POLICY = replace(PACKAGED, input_signals=(), input_rules=(), result_signals=(CONCEPTS,), result_rules=())
PICTURE = Image.new("RGB", (128, 96), "teal")
REGION = (32, 32, 64, 64)
CLEAN = {"concept_0": -0.1, "test_pattern": -0.2, "special_0": -0.1}


class Classifier:
    """Answers with whatever `answer` gives for the images, and remembers their sizes."""

    name = "concepts"
    version = "7"

    def __init__(self, answer: Callable[[Sequence[Image.Image]], list[dict[str, float]]]) -> None:
        self._answer = answer
        self.sizes: list[tuple[int, int]] = []

    def scores(self, images: Sequence[Image.Image]) -> list[dict[str, float]]:
        self.sizes = [image.size for image in images]
        return self._answer(images)


class Source:
    """A source of signals that answers with `scores`, or raises them."""

    version = "1"

    def __init__(self, name: str, scores: Scores | Exception) -> None:
        self.name = name
        self._scores = scores

    def measure(self, evidence: Evidence) -> Scores:
        if isinstance(self._scores, Exception):
            raise self._scores
        return self._scores


def _scoring(*scores: Mapping[str, float]) -> Classifier:
    return Classifier(lambda images: [dict(each) for each in scores])


def _checked(classifier: Classifier, policy: Policy = POLICY, before: Image.Image | None = None) -> Verdict:
    return check_result(PICTURE, REGION, policy, [OfImages(classifier)], before)


def _combining(*bounds: Bound) -> SignalRule:
    example = (ScoreExample(scores={}),)
    return SignalRule(id="input.both", category="gore", all=bounds, positive=example, negative=example)


def _hasty(seconds: float) -> Policy:
    return replace(POLICY, result_signals=(CONCEPTS.model_copy(update={"timeout_seconds": seconds}),))


def test_a_clean_result_passes_with_the_notice() -> None:
    verdict = _checked(_scoring(CLEAN, CLEAN))
    assert verdict.action is Action.ALLOW
    assert [(f.rule, f.severity) for f in verdict.findings] == [("notice.factuality", 0)]


def test_whole_and_region_are_both_judged_and_every_score_is_kept() -> None:
    classifier = _scoring(CLEAN, CLEAN | {"special_0": 0.03})
    signals = {s.name: s for s in _checked(classifier).signals}
    assert classifier.sizes == [(128, 96), (32, 32)]
    assert len(signals) == 2 * len(CLEAN)
    kept = signals["concepts.concept_0@region"]
    assert (kept.value, kept.threshold, kept.backend, kept.version) == (-0.1, 0.0, "concepts", "7")
    assert signals["concepts.special_0@region"].threshold is None


def test_what_the_input_already_showed_is_compared_and_not_judged() -> None:
    """Else nobody could paint over what a checker dislikes."""
    before = CLEAN | {"concept_0": 0.25}
    classifier = _scoring(CLEAN, CLEAN, before)
    verdict = _checked(classifier, before=PICTURE)
    signals = {s.name: s.value for s in verdict.signals}
    assert verdict.action is Action.ALLOW
    assert classifier.sizes == [(128, 96), (32, 32), (32, 32)]
    assert signals["concepts.concept_0@before"] == 0.25
    assert signals["concepts.concept_0@appeared"] == pytest.approx(-0.35)


def test_a_rule_may_judge_what_appeared() -> None:
    appeared = _combining(Bound(signal="concepts.concept_*@appeared", above=0.05))
    strict = replace(POLICY, result_rules=(appeared,))
    grown, same = CLEAN | {"concept_0": -0.02}, CLEAN
    assert _checked(_scoring(CLEAN, grown, CLEAN), strict, PICTURE).findings[0].rule == "input.both"
    assert _checked(_scoring(CLEAN, same, CLEAN), strict, PICTURE).action is Action.ALLOW


def test_a_rule_that_names_no_view_means_the_pictures_and_no_comparison() -> None:
    strict = replace(POLICY, result_rules=(_combining(Bound(signal="concepts.*_0", above=-0.05)),))
    below, above = CLEAN, CLEAN | {"concept_0": -0.01}
    assert _checked(_scoring(below, below, above), strict, PICTURE).action is Action.ALLOW
    assert _checked(_scoring(below, below, below), strict, PICTURE).action is Action.ALLOW
    assert _checked(_scoring(below, above, below), strict, PICTURE).action is Action.REVIEW


@pytest.mark.parametrize("flagged", [(CLEAN | {"test_pattern": 0.01}, CLEAN), (CLEAN, CLEAN | {"test_pattern": 0.01})])
def test_the_test_pattern_is_held_wherever_it_shows(flagged: tuple[dict[str, float], dict[str, float]]) -> None:
    verdict = _checked(_scoring(*flagged))
    assert verdict.action is Action.REVIEW
    assert verdict.deciding is not None
    assert (verdict.deciding.rule, verdict.deciding.stage) == ("result.test_pattern", Stage.RESULT)


def test_the_checkers_concepts_block() -> None:
    verdict = _checked(_scoring(CLEAN, CLEAN | {"concept_0": 0.001}))
    assert verdict.action is Action.BLOCK
    assert verdict.deciding is not None
    assert (verdict.deciding.rule, verdict.deciding.category) == ("result.sexual_content", "sexual_adult")


def test_a_score_at_the_bar_is_not_above_it() -> None:
    assert _checked(_scoring(CLEAN, CLEAN | {"concept_0": 0.0})).action is Action.ALLOW


def test_special_care_concepts_flag_nothing_by_themselves() -> None:
    assert _checked(_scoring(CLEAN, CLEAN | {"special_0": 0.9})).action is Action.ALLOW


@pytest.mark.parametrize("policy", [POLICY, PACKAGED])
def test_a_missing_source_means_review(policy: Policy) -> None:
    verdict = check_result(PICTURE, REGION, policy, [])
    assert verdict.action is Action.REVIEW
    assert verdict.findings[0].rule == f"signal.missing.{policy.result_signals[0].source}"
    assert all(signal.error for signal in verdict.signals)


def _raises(images: Sequence[Image.Image]) -> list[dict[str, float]]:
    raise RuntimeError("CUDA error")


@pytest.mark.parametrize(
    "classifier",
    [
        Classifier(_raises),
        Classifier(lambda images: []),
        Classifier(lambda images: [CLEAN]),
        Classifier(lambda images: [CLEAN, {}]),
        Classifier(lambda images: [CLEAN, None]),  # type: ignore[list-item]
        Classifier(lambda images: None),  # type: ignore[arg-type, return-value]
        Classifier(lambda images: [CLEAN, {"concept_0": "high"}]),  # type: ignore[dict-item]
        _scoring(CLEAN, CLEAN | {"concept_0": math.nan}),
        _scoring(CLEAN | {"concept_0": math.inf}, CLEAN),
        _scoring(CLEAN, CLEAN | {"special_0": -math.inf}),
    ],
)
def test_a_failing_classifier_means_review(classifier: Classifier) -> None:
    verdict = _checked(classifier)
    assert verdict.action is Action.REVIEW
    assert verdict.findings[0].rule == "signal.failed.concepts"
    assert any(signal.error for signal in verdict.signals)


@pytest.mark.parametrize("before", [{"concept_0": math.nan}, {"special_0": 0.1}])
def test_a_comparison_that_fails_means_review(before: dict[str, float]) -> None:
    assert _checked(_scoring(CLEAN, CLEAN, before), before=PICTURE).findings[0].rule == "signal.failed.concepts"


def test_what_is_no_number_is_recorded_as_none_so_that_the_record_stays_json() -> None:
    verdict = _checked(_scoring(CLEAN, CLEAN | {"concept_0": math.nan}))
    json.dumps(verdict.audit_dict(), allow_nan=False)
    failed = next(s for s in verdict.signals if s.name == "concepts.concept_0@region")
    assert (failed.value, failed.error) == (None, "score is nan")


def test_a_failed_score_does_not_soften_a_block() -> None:
    assert _checked(_scoring(CLEAN | {"concept_0": 0.2}, {"concept_0": math.nan})).action is Action.BLOCK


def test_a_classifier_that_hangs_means_review() -> None:
    released = threading.Event()

    def hang(images: Sequence[Image.Image]) -> list[dict[str, float]]:
        released.wait(30)
        return [CLEAN, CLEAN]

    verdict = _checked(Classifier(hang), _hasty(0.05))
    released.set()
    assert (verdict.action, verdict.findings[0].rule) == (Action.REVIEW, "signal.failed.concepts")
    assert "0.05 s" in str(verdict.signals[0].error)


@pytest.mark.parametrize("region", [(0, 0, 0, 0), (10, 10, 5, 20), (0, 0, 129, 10), (-1, 0, 10, 10)])
def test_a_region_outside_the_picture_is_refused(region: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="edited region"):
        check_result(PICTURE, region, POLICY, [OfImages(_scoring(CLEAN, CLEAN))])


def _sent(prompt: str = "", share: float = 0.25) -> Submission:
    mask = Image.new("L", PICTURE.size)
    mask.paste(255, (0, 0, PICTURE.width, round(PICTURE.height * share)))
    return Submission(PICTURE, mask, prompt=prompt)


def _requiring(*sources: str, rules: Sequence[SignalRule] = ()) -> Policy:
    return replace(POLICY, input_signals=tuple(RequiredSignal(source=s) for s in sources), input_rules=tuple(rules))


def test_the_input_passes_and_the_masks_share_is_kept() -> None:
    verdict = check_input(_sent(), _requiring("mask"), [])
    assert (verdict.action, verdict.findings) == (Action.ALLOW, ())
    assert [(s.name, s.value) for s in verdict.signals] == [("mask.area", 0.25)]


def test_the_words_of_a_request_are_signals_too() -> None:
    def of(prompt: str) -> dict[str, float | None]:
        return {s.name: s.value for s in check_input(_sent(prompt), _requiring("prompt"), []).signals}

    assert of("  ") == {"prompt.empty": 1.0}
    assert of("remove the lamp")["prompt.words.take_away"] == 1.0
    assert "prompt.words.take_away" not in of("a lamp")


@pytest.mark.parametrize(
    ("share", "score", "applied"), [(0.5, 0.9, True), (0.5, 0.1, False), (0.01, 0.9, False), (0.01, 0.1, False)]
)
def test_a_rule_may_ask_for_several_signals_at_once(share: float, score: float, applied: bool) -> None:
    rule = _combining(Bound(signal="mask.area", above=0.1, below=0.9), Bound(signal="seen.thing", above=0.5))
    policy = _requiring("mask", "seen", rules=[rule])
    verdict = check_input(_sent(share=share), policy, [Source("seen", {"input": {"thing": score}})])
    assert (verdict.action is Action.REVIEW) is applied
    assert [f.stage for f in verdict.findings] == [Stage.REQUEST] * applied


@pytest.mark.parametrize(
    "scores",
    [RuntimeError("broken"), {}, {"input": {}}, {"input": {"thing": math.nan}}],
)
def test_a_source_that_fails_means_review(scores: Scores | Exception) -> None:
    policy = _requiring("seen", rules=[_combining(Bound(signal="seen.thing", above=0.5))])
    verdict = check_input(_sent(), policy, [Source("seen", scores)])
    assert (verdict.action, verdict.findings[0].rule) == (Action.REVIEW, "signal.failed.seen")
    assert verdict.signals[0].value is None


def test_a_source_that_no_policy_asks_for_is_not_measured() -> None:
    source = Source("seen", RuntimeError("broken"))
    verdict = check_input(_sent(), _requiring("mask"), [source])
    assert [signal.name for signal in verdict.signals] == ["mask.area"]
    assert isinstance(verdict.signals[0], Signal)
