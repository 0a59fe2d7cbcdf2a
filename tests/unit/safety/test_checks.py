import json
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest
from PIL import Image

from safety.checks import check_input, check_result
from safety.policy import Policy, load_policy
from safety.policy_schema import RequiredClassifier
from safety.verdict import Action, Stage

POLICY = load_policy()
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


def _scoring(whole: Mapping[str, float], region: Mapping[str, float]) -> Classifier:
    return Classifier(lambda images: [dict(whole), dict(region)])


def _hasty(seconds: float) -> Policy:
    required = POLICY.result_classifiers[0]
    return replace(POLICY, result_classifiers=(required.model_copy(update={"timeout_seconds": seconds}),))


def test_a_clean_result_passes_with_the_notice() -> None:
    verdict = check_result(PICTURE, REGION, POLICY, [_scoring(CLEAN, CLEAN)])
    assert verdict.action is Action.ALLOW
    assert [(f.rule, f.severity) for f in verdict.findings] == [("notice.factuality", 0)]


def test_whole_and_region_are_both_judged_and_every_score_is_kept() -> None:
    classifier = _scoring(CLEAN, CLEAN | {"special_0": 0.03})
    signals = {s.name: s for s in check_result(PICTURE, REGION, POLICY, [classifier]).signals}
    assert classifier.sizes == [(128, 96), (32, 32)]
    assert len(signals) == 2 * len(CLEAN)
    kept = signals["concepts.concept_0@region"]
    assert (kept.value, kept.threshold, kept.backend, kept.version) == (-0.1, 0.0, "concepts", "7")
    assert signals["concepts.special_0@region"].threshold is None


@pytest.mark.parametrize("flagged", [(CLEAN | {"test_pattern": 0.01}, CLEAN), (CLEAN, CLEAN | {"test_pattern": 0.01})])
def test_the_test_pattern_is_held_wherever_it_shows(flagged: tuple[dict[str, float], dict[str, float]]) -> None:
    verdict = check_result(PICTURE, REGION, POLICY, [_scoring(*flagged)])
    assert verdict.action is Action.REVIEW
    assert verdict.deciding is not None
    assert (verdict.deciding.rule, verdict.deciding.stage) == ("result.test_pattern", Stage.RESULT)


def test_the_checkers_concepts_block() -> None:
    verdict = check_result(PICTURE, REGION, POLICY, [_scoring(CLEAN, CLEAN | {"concept_0": 0.001})])
    assert verdict.action is Action.BLOCK
    assert verdict.deciding is not None
    assert (verdict.deciding.rule, verdict.deciding.category) == ("result.sexual_content", "sexual_adult")


def test_special_care_concepts_flag_nothing_by_themselves() -> None:
    assert check_result(PICTURE, REGION, POLICY, [_scoring(CLEAN, CLEAN | {"special_0": 0.9})]).action is Action.ALLOW


def test_a_missing_classifier_means_review() -> None:
    verdict = check_result(PICTURE, REGION, POLICY, [])
    assert (verdict.action, verdict.findings[0].rule) == (Action.REVIEW, "signal.missing")
    assert verdict.signals[0].error


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
    verdict = check_result(PICTURE, REGION, POLICY, [classifier])
    assert verdict.action is Action.REVIEW
    assert verdict.findings[0].rule == "signal.failed"
    assert any(signal.error for signal in verdict.signals)


def test_what_is_no_number_is_recorded_as_none_so_that_the_record_stays_json() -> None:
    verdict = check_result(PICTURE, REGION, POLICY, [_scoring(CLEAN, CLEAN | {"concept_0": math.nan})])
    json.dumps(verdict.audit_dict(), allow_nan=False)
    failed = next(s for s in verdict.signals if s.name == "concepts.concept_0@region")
    assert (failed.value, failed.error) == (None, "score is nan")


def test_a_failed_score_does_not_soften_a_block() -> None:
    verdict = check_result(PICTURE, REGION, POLICY, [_scoring(CLEAN | {"concept_0": 0.2}, {"concept_0": math.nan})])
    assert verdict.action is Action.BLOCK


def test_a_classifier_that_hangs_means_review() -> None:
    released = threading.Event()

    def hang(images: Sequence[Image.Image]) -> list[dict[str, float]]:
        released.wait(30)
        return [CLEAN, CLEAN]

    verdict = check_result(PICTURE, REGION, _hasty(0.05), [Classifier(hang)])
    released.set()
    assert (verdict.action, verdict.findings[0].rule) == (Action.REVIEW, "signal.failed")
    assert "0.05 s" in str(verdict.signals[0].error)


@pytest.mark.parametrize("region", [(0, 0, 0, 0), (10, 10, 5, 20), (0, 0, 129, 10), (-1, 0, 10, 10)])
def test_a_region_outside_the_picture_is_refused(region: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="edited region"):
        check_result(PICTURE, region, POLICY, [_scoring(CLEAN, CLEAN)])


def test_the_input_passes_and_the_masks_share_is_kept() -> None:
    mask = Image.new("L", PICTURE.size)
    mask.paste(255, (0, 0, 64, 48))
    verdict = check_input(PICTURE, mask, POLICY, [])
    assert (verdict.action, verdict.findings) == (Action.ALLOW, ())
    assert [(s.name, s.value) for s in verdict.signals] == [("mask.area", 0.25)]


def test_a_policy_may_require_a_classifier_for_the_input() -> None:
    required: tuple[RequiredClassifier, ...] = POLICY.result_classifiers
    strict = replace(POLICY, input_classifiers=required)
    verdict = check_input(PICTURE, Image.new("L", PICTURE.size, 255), strict, [])
    assert (verdict.action, verdict.findings[0].stage) == (Action.REVIEW, Stage.REQUEST)
