"""What a case is about, out of the verdict that asks for a person: how grave, of which kind, how long it may wait."""

from dataclasses import asdict, dataclass
from typing import Any

from safety.policy import Policy
from safety.review_schema import Kind
from safety.verdict import Action, Finding, Verdict


@dataclass(frozen=True, slots=True)
class Triage:
    """Where a case goes. `severity` is 0, 2, 4 or 6, `seconds` how long it may wait, `rule` that of the finding."""

    category: str
    severity: int
    rule: str
    queue: str
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """The same by name, as storage.case_rows.case_row takes it."""
        return asdict(self)


def triage(verdict: Verdict, kind: Kind, policy: Policy) -> Triage:
    """The case that `verdict` makes. Raises ValueError for one that found nothing."""
    gravest = _gravest(verdict)
    return place(kind, gravest.category, gravest.severity, gravest.rule, policy)


def place(kind: Kind, category: str, severity: int, rule: str, policy: Policy) -> Triage:
    """Where a case of this category and severity goes."""
    queue = policy.review.queue_of(kind, severity, category)
    hours = {int(known): hours for known, hours in policy.review.hours.items()}
    return Triage(category, severity, rule, queue.name, hours[severity] * 3600.0)


def _gravest(verdict: Verdict) -> Finding:
    """The gravest of those that decided the verdict, or of all where it decided nothing, as in a report."""
    counting = [f for f in verdict.findings if not any(waiver.covers(f) for waiver in verdict.waived)]
    deciding = [f for f in counting if f.action in (Action.REVIEW, Action.BLOCK)] or list(verdict.findings)
    if not deciding:
        raise ValueError("a case needs a finding to be about: judge the job first")
    return max(deciding, key=lambda finding: finding.severity)
