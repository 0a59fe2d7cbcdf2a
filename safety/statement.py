"""The statement of reasons: what a caller is told about a refusal by a person, in plain words and in fields.

Its parts follow Article 17 of Regulation (EU) 2022/2065: what was decided, on which facts and rule, whether by a
machine, and how to object.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from safety.policy import Policy
from safety.reasons import SENTENCES, Approval, Rejection
from safety.verdict import Finding, Verdict

_DONE = {
    "refused": "This request was refused; nothing was made or kept.",
    "withdrawn": "This result was withdrawn and can no longer be fetched.",
    "appeal_refused": "Another person looked at it after your appeal and came to the same conclusion.",
}


@dataclass(frozen=True, slots=True)
class Statement:
    """Why something was refused. `appeal_until` is None where there is no further appeal."""

    decision: str
    rule: str
    category: str
    facts: tuple[str, ...]
    reason: str
    policy: str
    appeal_until: datetime | None

    @property
    def text(self) -> str:
        """The whole of it for a person to read."""
        ground = SENTENCES[Rejection(self.reason)] if self.reason in set(Rejection) else ""
        parts = [_DONE[self.decision], f"The rule is {self.rule} ({self.category}) of the policy {self.policy}."]
        parts += [*self.facts, ground, "A person decided this, after the service's own checks had asked for one."]
        if self.appeal_until is not None:
            parts.append(f"You may appeal until {self.appeal_until:%Y-%m-%d %H:%M} UTC; another person will decide.")
        return " ".join(part for part in parts if part)

    def as_dict(self) -> dict[str, Any]:
        """The `statement` of a job's `safety`, ready for JSON."""
        until = None if self.appeal_until is None else self.appeal_until.isoformat()
        return {
            "decision": self.decision,
            "automated": False,
            "rule": self.rule,
            "category": self.category,
            "facts": list(self.facts),
            "reason": self.reason,
            "policy": self.policy,
            "appeal_until": until,
            "text": self.text,
        }


def statement(
    decision: str,
    verdict: Verdict,
    rule: str | None,
    reason: Approval | Rejection,
    policy: Policy,
    until: datetime | None,
) -> Statement:
    """The statement on a refusal that rests on `rule`, or on the gravest rule of `verdict` where none is named.

    `decision` is refused, withdrawn or appeal_refused; `until` is when the right to appeal ends.
    """
    ground = _ground(verdict, rule)
    if ground is None:
        return Statement(decision, rule or "policy", "policy", (), reason.value, policy.label, until)
    facts = tuple(dict.fromkeys(f.detail for f in verdict.findings if f.rule == ground.rule))
    return Statement(decision, ground.rule, ground.category, facts, reason.value, policy.label, until)


def stated(safety: Mapping[str, Any], made: Statement) -> dict[str, Any]:
    """A job's `safety` with the statement in it."""
    return {**safety, "statement": made.as_dict()}


def _ground(verdict: Verdict, rule: str | None) -> Finding | None:
    named = [finding for finding in verdict.findings if rule is None or finding.rule == rule]
    return max(named, key=lambda finding: finding.severity, default=None)
