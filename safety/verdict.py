"""What a check concludes: findings for the caller, signals for the audit record."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any


class Action(StrEnum):
    """What to do with a request or a result, in rising strictness."""

    ALLOW = "allow"
    LABEL = "label"
    REVIEW = "review"
    BLOCK = "block"


PASSING = frozenset({Action.ALLOW, Action.LABEL})
"""What lets a request or a result go on without a person."""

_STRICTNESS = {action: rank for rank, action in enumerate(Action)}


def strictest(actions: Iterable[Action]) -> Action:
    """The strictest of `actions`; allow when there are none."""
    return max(actions, key=_STRICTNESS.__getitem__, default=Action.ALLOW)


class Stage(StrEnum):
    """When a finding was made: before the model ran, or on what it made."""

    REQUEST = "request"
    RESULT = "result"


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule that applied.

    `severity` is 0, 2, 4 or 6; `detail` is a sentence for the caller; `span` is a half-open range of
    characters in the prompt as submitted, and None when the rule did not match in the prompt.
    """

    rule: str
    category: str
    severity: int
    stage: Stage
    action: Action
    detail: str
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Signal:
    """One measurement, kept for audit. `value` is None when measuring failed; then `error` says why."""

    name: str
    value: float | None
    threshold: float | None
    backend: str
    version: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Waiver:
    """A person's word that what `rule` found at `stage` shall not hold the job again.

    It undoes a block only where it `overturns` one, as after an appeal that was granted.
    """

    stage: Stage
    rule: str
    overturns: bool = False

    def covers(self, finding: Finding) -> bool:
        """Whether `finding` counts no longer."""
        undone = (Action.REVIEW, Action.BLOCK) if self.overturns else (Action.REVIEW,)
        return (self.stage, self.rule) == (finding.stage, finding.rule) and finding.action in undone


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one or more checks under one policy (`name@version`). `action` counts no waived finding."""

    action: Action
    policy: str
    findings: tuple[Finding, ...] = ()
    signals: tuple[Signal, ...] = ()
    waived: tuple[Waiver, ...] = ()

    @classmethod
    def of(cls, policy: str, findings: Iterable[Finding], signals: Iterable[Signal] = ()) -> "Verdict":
        """The verdict that follows from `findings`: the strictest of their actions."""
        found = tuple(findings)
        return cls(strictest(f.action for f in found), policy, found, tuple(signals))

    @staticmethod
    def merge(*verdicts: "Verdict") -> "Verdict":
        """One verdict out of several, in order: strictest action, last policy, everything else of all.

        Raises ValueError without any verdict, for nothing judged is not the same as allowed.
        """
        if not verdicts:
            raise ValueError("Verdict.merge needs at least one verdict; an unjudged job has none.")
        return Verdict(
            strictest(v.action for v in verdicts),
            verdicts[-1].policy,
            # A job that a person let pass is judged again, and most of what is found then is known.
            tuple(dict.fromkeys(f for v in verdicts for f in v.findings)),
            tuple(dict.fromkeys(s for v in verdicts for s in v.signals)),
            tuple(dict.fromkeys(w for v in verdicts for w in v.waived)),
        )

    @property
    def waivable(self) -> tuple[Waiver, ...]:
        """What a person who lets this pass waives: every finding that asks for a person."""
        return tuple(dict.fromkeys(_waiver(f) for f in self.findings if f.action is Action.REVIEW))

    def waiving(self, waivers: Iterable[Waiver]) -> "Verdict":
        """This verdict after a person's word on some of its findings, or on the same findings of an earlier run."""
        waived = tuple(dict.fromkeys((*self.waived, *waivers)))
        counted = (f.action for f in self.findings if not any(waiver.covers(f) for waiver in waived))
        return replace(self, action=strictest(counted), waived=waived)

    @property
    def overturnable(self) -> tuple[Waiver, ...]:
        """What is waived when a refusal is overturned: every finding that asked for a person or for a block."""
        refusing = (f for f in self.findings if f.action in (Action.REVIEW, Action.BLOCK))
        return tuple(dict.fromkeys(Waiver(f.stage, f.rule, overturns=True) for f in refusing))

    @property
    def deciding(self) -> Finding | None:
        """The first finding that demands the verdict's action, to be named to the caller."""
        return next((f for f in self.findings if f.action is self.action), None)

    def as_dict(self) -> dict[str, Any]:
        """The `safety` object of the native interface, ready for JSON."""
        findings = [_public(f) for f in self.findings]
        return {"action": self.action.value, "policy": self.policy, "findings": findings}

    def audit_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON: `as_dict` with the action of each finding, the signals and the waivers."""
        findings = [_public(f) | {"action": f.action.value} for f in self.findings]
        signals = [_plain(s) for s in self.signals]
        waived = [_waived(w) for w in self.waived]
        return self.as_dict() | {"findings": findings, "signals": signals, "waived": waived}

    @classmethod
    def from_dict(cls, audit: Mapping[str, Any]) -> "Verdict":
        """The verdict whose `audit_dict` this is. Raises KeyError or ValueError on anything else."""
        return cls(
            Action(audit["action"]),
            audit["policy"],
            tuple(_finding(f) for f in audit["findings"]),
            tuple(Signal(**s) for s in audit["signals"]),
            # Verdicts of earlier versions have none.
            tuple(Waiver(Stage(w["stage"]), w["rule"], w.get("overturns", False)) for w in audit.get("waived", ())),
        )


def _waived(waiver: Waiver) -> dict[str, Any]:
    return {"stage": waiver.stage, "rule": waiver.rule} | ({"overturns": True} if waiver.overturns else {})


def _plain(signal: Signal) -> dict[str, Any]:
    # Not dataclasses.asdict: it copies every value deeply, which takes longer than all else about a verdict.
    return {name: getattr(signal, name) for name in signal.__slots__}


def _waiver(finding: Finding) -> Waiver:
    return Waiver(finding.stage, finding.rule)


def _public(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "category": finding.category,
        "severity": finding.severity,
        "stage": finding.stage.value,
        "detail": finding.detail,
        "span": None if finding.span is None else list(finding.span),
    }


def _finding(record: Mapping[str, Any]) -> Finding:
    span = record["span"]
    return Finding(
        rule=record["rule"],
        category=record["category"],
        severity=record["severity"],
        stage=Stage(record["stage"]),
        action=Action(record["action"]),
        detail=record["detail"],
        span=None if span is None else (span[0], span[1]),
    )
