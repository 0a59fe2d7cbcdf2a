"""Why something was held: each finding with what its rule asks for, each signal with the rules that read it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise

from safety.policy import Policy
from safety.signal_schema import Bound
from safety.verdict import Finding, Signal, Verdict


@dataclass(frozen=True, slots=True)
class Found:
    """A finding, what its rule asks for in words (none for rules on prompts), and whether a person waived it."""

    finding: Finding
    asks: tuple[str, ...]
    waived: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """A signal, and which of the rules that applied read it."""

    signal: Signal
    rules: tuple[str, ...]

    @property
    def is_over(self) -> bool:
        """Whether it lies above its own threshold."""
        value, threshold = self.signal.value, self.signal.threshold
        return value is not None and threshold is not None and value > threshold


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a prompt; `rules` are those that matched in it."""

    text: str
    rules: tuple[str, ...] = ()


def found(verdict: Verdict, policy: Policy) -> list[Found]:
    """The findings, the strictest first."""
    order = {"block": 0, "review": 1, "label": 2, "allow": 3}
    asks = dict(_asks(policy))
    listed = [
        Found(
            finding,
            tuple(text for _, text in asks.get(finding.rule, ())),
            any(waiver.covers(finding) for waiver in verdict.waived),
        )
        for finding in verdict.findings
    ]
    return sorted(listed, key=lambda one: (order[one.finding.action.value], -one.finding.severity))


def measured(verdict: Verdict, policy: Policy) -> list[Measured]:
    """The signals: those that some rule which applied read first."""
    asks = dict(_asks(policy))
    applied = {finding.rule: [pattern for pattern, _ in asks.get(finding.rule, ())] for finding in verdict.findings}
    listed = [
        Measured(signal, tuple(rule for rule, patterns in applied.items() if _reads(patterns, signal.name)))
        for signal in verdict.signals
    ]
    return sorted(listed, key=lambda one: (not one.rules, not one.is_over))


def pieces(text: str, findings: list[Finding]) -> list[Piece]:
    """The prompt as sent, cut where a rule's match begins or ends."""
    spans = [(f.rule, *f.span) for f in findings if f.span is not None]
    edges = sorted({0, len(text), *(min(max(edge, 0), len(text)) for _, start, end in spans for edge in (start, end))})
    return [
        Piece(text[start:end], tuple(dict.fromkeys(rule for rule, s, e in spans if s <= start and end <= e)))
        for start, end in pairwise(edges)
    ]


def _asks(policy: Policy) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """For each rule on signals: which signals it reads, as patterns, and what it asks of each, in words."""
    for required in (*policy.input_signals, *policy.result_signals):
        for rule in required.rules:
            named = [f"{required.source}.{concept}" for concept in rule.concepts]
            yield rule.id, [(pattern, f"{pattern} above {rule.threshold:g}") for pattern in named]
    for combined in (*policy.input_rules, *policy.result_rules):
        yield combined.id, [(bound.signal, _words(bound)) for bound in combined.all]


def _words(bound: Bound) -> str:
    above = [] if bound.above is None else [f"above {bound.above:g}"]
    below = [] if bound.below is None else [f"below {bound.below:g}"]
    return f"{bound.signal} {' and '.join(above + below)}"


def _reads(patterns: list[str], name: str) -> bool:
    plain = name.partition("@")[0]
    return any(fnmatchcase(name if "@" in pattern else plain, pattern) for pattern in patterns)
