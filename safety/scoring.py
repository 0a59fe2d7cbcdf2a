"""Scores of classifiers, judged by the policy. A score that is missing, late or not a number means review."""

import math
import queue
import threading
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from PIL.Image import Image

from safety.classifier import ImageClassifier
from safety.policy import UNCHECKED, Policy
from safety.policy_schema import RequiredClassifier, ScoreRule
from safety.verdict import Finding, Signal, Stage

MISSING = "signal.missing"
FAILED = "signal.failed"
Scores = list[dict[str, float]]
Judged = tuple[tuple[Finding, ...], tuple[Signal, ...]]


def judge_images(
    images: Mapping[str, Image],
    required: Sequence[RequiredClassifier],
    policy: Policy,
    classifiers: Sequence[ImageClassifier],
    stage: Stage,
) -> Judged:
    """Findings and signals of every classifier the policy requires, on each of `images` (named views)."""
    by_name = {c.name: c for c in classifiers}
    judged = [_judge(images, r, policy, by_name.get(r.classifier), stage) for r in required]
    return tuple(f for found, _ in judged for f in found), tuple(s for _, signals in judged for s in signals)


def _judge(
    images: Mapping[str, Image],
    required: RequiredClassifier,
    policy: Policy,
    classifier: ImageClassifier | None,
    stage: Stage,
) -> Judged:
    if classifier is None:
        signal = Signal(required.classifier, None, None, required.classifier, "", "no such classifier is loaded")
        return (_unchecked(MISSING, policy, stage),), (signal,)
    try:
        scores = _scores_in_time(classifier, list(images.values()), required.timeout_seconds)
    except Exception as error:  # noqa: BLE001 - whatever a model raises, the picture is unchecked
        reason = f"{type(error).__name__}: {error}"
        signal = Signal(classifier.name, None, None, classifier.name, classifier.version, reason)
        return (_unchecked(FAILED, policy, stage),), (signal,)
    signals = _signals(dict(zip(images, scores, strict=True)), required, classifier)
    return tuple(_findings(scores, signals, required, policy, stage)), signals


def _scores_in_time(classifier: ImageClassifier, images: list[Image], timeout_seconds: float) -> Scores:
    """The classifier's scores, complete. Raises whatever it raises, TimeoutError, or ValueError.

    A thread that hangs cannot be ended from outside; as a daemon it at least does not keep the process alive.
    """
    answer: queue.SimpleQueue[Scores | Exception] = queue.SimpleQueue()
    threading.Thread(target=_answer, args=(answer, classifier, images), daemon=True).start()
    try:
        result = answer.get(timeout=timeout_seconds)
    except queue.Empty:
        raise TimeoutError(f"no scores within {timeout_seconds:g} s") from None
    if isinstance(result, Exception):
        raise result
    if len(result) != len(images) or not all(result):
        raise ValueError(f"scores for {sum(map(bool, result))} of {len(images)} images")
    return result


def _answer(answer: queue.SimpleQueue[Scores | Exception], classifier: ImageClassifier, images: list[Image]) -> None:
    try:
        scored = classifier.scores(images)
        answer.put([{concept: float(score) for concept, score in scores.items()} for scores in scored])
    except Exception as error:  # noqa: BLE001 - raised again by the one who waits
        answer.put(error)


def _signals(
    scores: Mapping[str, Mapping[str, float]], required: RequiredClassifier, classifier: ImageClassifier
) -> tuple[Signal, ...]:
    return tuple(
        Signal(
            name=f"{classifier.name}.{concept}@{view}",
            value=score if math.isfinite(score) else None,
            threshold=rule.threshold if (rule := rule_for(concept, required)) else None,
            backend=classifier.name,
            version=classifier.version,
            error=None if math.isfinite(score) else f"score is {score}",
        )
        for view, of_view in scores.items()
        for concept, score in of_view.items()
    )


def _findings(
    scores: Scores,
    signals: Sequence[Signal],
    required: RequiredClassifier,
    policy: Policy,
    stage: Stage,
) -> list[Finding]:
    """One finding per rule that any view sets off, in the policy's order, and one when a score is no number."""
    highest: dict[str, float] = {}
    for of_view in scores:
        for concept, score in of_view.items():
            highest[concept] = max(highest.get(concept, -math.inf), score if math.isfinite(score) else -math.inf)
    over = {rule.id for c, s in highest.items() if (rule := rule_for(c, required)) is not None and s > rule.threshold}
    found = [_finding(rule, policy, stage) for rule in required.rules if rule.id in over]
    return found + [_unchecked(FAILED, policy, stage)] * any(s.error for s in signals)


def rule_for(concept: str, required: RequiredClassifier) -> ScoreRule | None:
    if any(fnmatchcase(concept, pattern) for pattern in required.recorded):
        return None
    matching = (r for r in required.rules if any(fnmatchcase(concept, p) for p in r.concepts))
    return next(matching, None)


def _finding(rule: ScoreRule, policy: Policy, stage: Stage) -> Finding:
    category = policy.categories[rule.category]
    return Finding(
        rule=rule.id,
        category=rule.category,
        severity=category.severity if rule.severity is None else rule.severity,
        stage=stage,
        action=rule.action or category.action,
        detail=category.message,
    )


def _unchecked(rule: str, policy: Policy, stage: Stage) -> Finding:
    category = policy.categories[UNCHECKED]
    return Finding(rule, UNCHECKED, category.severity, stage, category.action, category.message)
