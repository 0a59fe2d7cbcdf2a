"""Signals, measured and judged by the policy. One that is missing, late or not a number means review."""

import math
import queue
import threading
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from safety.evidence import ASIDE, Evidence, Scores, SignalSource
from safety.policy import UNCHECKED, Policy
from safety.signal_schema import Bound, RequiredSignal, ScoreRule, SignalRule
from safety.verdict import Finding, Signal, Stage

MISSING = "signal.missing"
FAILED = "signal.failed"
_NOT_LOADED = "no such source is loaded"


def measure(
    evidence: Evidence, required: Sequence[RequiredSignal], sources: Iterable[SignalSource]
) -> tuple[Signal, ...]:
    """What each required source says of the evidence. Never raises: what fails is a signal with an error."""
    by_name = {source.name: source for source in sources}
    return tuple(s for r in required for s in _measure(evidence, r, by_name.get(r.source)))


def judge(
    signals: Sequence[Signal],
    required: Sequence[RequiredSignal],
    rules: Sequence[SignalRule],
    policy: Policy,
    stage: Stage,
) -> tuple[Finding, ...]:
    """What follows from measured signals, also from those of a record: findings of each source, then of `rules`."""
    found = [finding for r in required for finding in _of_source(signals, r, policy, stage)]
    applying = (rule for rule in rules if all(_holds(bound, signals) for bound in rule.all))
    return (*found, *(_finding(rule, policy, stage) for rule in applying))


def rule_for(concept: str, required: RequiredSignal) -> ScoreRule | None:
    """The rule that judges a concept of this source; None where it is only recorded."""
    if any(fnmatchcase(concept, pattern) for pattern in required.recorded):
        return None
    matching = (r for r in required.rules if any(fnmatchcase(concept, p) for p in r.concepts))
    return next(matching, None)


def applies(rule: SignalRule, scores: Mapping[str, float]) -> bool:
    """Whether the rule applies to signals of these values, by `source.concept` or `source.concept@view`."""
    signals = [Signal(name, value, None, "", "") for name, value in scores.items()]
    return all(_holds(bound, signals) for bound in rule.all)


def _measure(evidence: Evidence, required: RequiredSignal, source: SignalSource | None) -> tuple[Signal, ...]:
    if source is None:
        return (Signal(required.source, None, None, required.source, "", _NOT_LOADED),)
    try:
        scores = _in_time(source, evidence, required.timeout_seconds)
    except Exception as error:  # noqa: BLE001 - whatever a model raises, the picture is unchecked
        reason = f"{type(error).__name__}: {error}"
        return (Signal(source.name, None, None, source.name, source.version, reason),)
    return _signals(scores, required, source)


def _in_time(source: SignalSource, evidence: Evidence, timeout_seconds: float) -> Scores:
    """The source's scores, complete. Raises whatever it raises, TimeoutError, or ValueError where it said nothing.

    A thread that hangs cannot be ended from outside; as a daemon it at least does not keep the process alive.
    """
    answer: queue.SimpleQueue[Scores | Exception] = queue.SimpleQueue()
    threading.Thread(target=_answer, args=(answer, source, evidence), daemon=True).start()
    try:
        result = answer.get(timeout=timeout_seconds)
    except queue.Empty:
        raise TimeoutError(f"no scores within {timeout_seconds:g} s") from None
    if isinstance(result, Exception):
        raise result
    if not result or not all(result.values()):
        raise ValueError("no scores for some of the images")
    return result


def _answer(answer: queue.SimpleQueue[Scores | Exception], source: SignalSource, evidence: Evidence) -> None:
    try:
        scored = source.measure(evidence)
        answer.put({view: {concept: float(score) for concept, score in of.items()} for view, of in scored.items()})
    except Exception as error:  # noqa: BLE001 - raised again by the one who waits
        answer.put(error)


def _signals(scores: Scores, required: RequiredSignal, source: SignalSource) -> tuple[Signal, ...]:
    return tuple(
        Signal(
            name=f"{source.name}.{concept}" + (f"@{view}" if view else ""),
            value=score if math.isfinite(score) else None,
            threshold=rule.threshold if (rule := rule_for(concept, required)) and view not in ASIDE else None,
            backend=source.name,
            version=source.version,
            error=None if math.isfinite(score) else f"score is {score}",
        )
        for view, of_view in scores.items()
        for concept, score in of_view.items()
    )


def _of_source(signals: Sequence[Signal], required: RequiredSignal, policy: Policy, stage: Stage) -> list[Finding]:
    """One finding per rule that any view sets off, in the policy's order, and one when the source failed."""
    own = [s for s in signals if s.name.partition(".")[0] == required.source]
    over: set[str] = set()
    for signal in own:
        concept, view = _parts(signal.name)
        rule = None if view in ASIDE else rule_for(concept, required)
        if rule is not None and signal.value is not None and signal.value > rule.threshold:
            over.add(rule.id)
    found = [_finding(rule, policy, stage) for rule in required.rules if rule.id in over]
    if not own or any(s.error == _NOT_LOADED for s in own):
        found.append(_unchecked(f"{MISSING}.{required.source}", policy, stage))
    elif any(s.value is None for s in own) or not _answered(own, required):
        found.append(_unchecked(f"{FAILED}.{required.source}", policy, stage))
    return found


def _answered(own: Sequence[Signal], required: RequiredSignal) -> bool:
    """Whether some signal of a source that has rules is judged by one; otherwise its rules are about nothing."""
    parts = (_parts(signal.name) for signal in own)
    return not required.rules or any(v not in ASIDE and rule_for(c, required) is not None for c, v in parts)


def _holds(bound: Bound, signals: Sequence[Signal]) -> bool:
    return any(s.value is not None and bound.holds(s.value) for s in signals if _named(s.name, bound.signal))


def _named(name: str, pattern: str) -> bool:
    if "@" in pattern:
        return fnmatchcase(name, pattern)
    plain, _, view = name.partition("@")
    return view not in ASIDE and fnmatchcase(plain, pattern)


def _parts(name: str) -> tuple[str, str]:
    """The concept and the view of a signal called `source.concept@view` or `source.concept`."""
    plain, _, view = name.partition("@")
    return plain.partition(".")[2], view


def _finding(rule: ScoreRule | SignalRule, policy: Policy, stage: Stage) -> Finding:
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
    # The rule names its source, so that a person's word on one that failed does not cover another.
    category = policy.categories[UNCHECKED]
    return Finding(rule, UNCHECKED, category.severity, stage, category.action, category.message)
