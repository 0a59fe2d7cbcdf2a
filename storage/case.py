"""Cases as every package speaks of them: what waits for a person, how it is decided, and by whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class CaseKind(StrEnum):
    """Why somebody has to look."""

    HELD = "held"
    """The policy held a request or a result."""
    REPORT = "report"
    """Somebody complained about a result."""
    APPEAL = "appeal"
    """The caller asks for a second look at a refusal."""


class CaseState(StrEnum):
    """Where a case stands. `decided` and `closed` are ends; a decision that is undone stays on record as undone."""

    OPEN = "open"
    PROPOSED = "proposed"
    """One person has decided, another has to confirm."""
    DECIDED = "decided"
    CLOSED = "closed"
    """Nothing was left to decide: the job was canceled, expired, or is gone."""


PENDING = frozenset({CaseState.OPEN, CaseState.PROPOSED})
"""What still waits for somebody."""


class Choice(StrEnum):
    """What may be decided on a case."""

    APPROVE = "approve"
    """A held job goes on; a reported result stays; an appeal is granted."""
    REJECT = "reject"
    """A held job is blocked; a reported result is withdrawn; an appeal is refused."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision and its reasons. `reason` is a code of safety/reasons.py, `note` the moderator's own words.

    `rule` is the policy rule that a rejection rests on. `then` are further measures that go with it, by name, such as
    `block_copies`.
    """

    choice: Choice
    reason: str
    rule: str | None = None
    note: str | None = None
    then: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """JSON for the case's row."""
        return {
            "choice": self.choice.value,
            "reason": self.reason,
            "rule": self.rule,
            "note": self.note,
            "then": list(self.then),
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Ruling:
        """The ruling whose `as_dict` this is."""
        return cls(
            Choice(stored["choice"]), stored["reason"], stored["rule"], stored["note"], tuple(stored.get("then", ()))
        )


@dataclass(frozen=True, slots=True)
class Case:
    """A row of the cases table as it was read. Times are timezone-aware UTC; `severity` is 0, 2, 4 or 6.

    `lease_no` is the fencing token: +1 whenever the case is given to somebody. `first_by` decided the refusal that an
    appeal is about, and never gets it. `expected` is the known answer of a case that measures agreement, `copy_of` the
    case that such a one asks about again: what is decided on it changes nothing but the measure.
    `replacement` is the job that an overturned refusal became. `undo_by` wants the decision undone, because of
    `undo_note`, and waits for a second person.
    """

    id: str
    kind: CaseKind
    job_id: str
    tenant_id: str
    held_at: str | None
    category: str
    severity: int
    rule: str
    queue: str
    state: CaseState
    words: str | None
    first_by: str | None
    expected: str | None
    lease_by: str | None
    lease_until: datetime | None
    lease_no: int
    proposal: Ruling | None
    proposed_by: str | None
    proposed_at: datetime | None
    ruling: Ruling | None
    decided_by: str | None
    decided_at: datetime | None
    undone_by: str | None
    undone_at: datetime | None
    replacement: str | None
    opened_at: datetime
    due_at: datetime
    given_at: datetime | None
    copy_of: str | None = None
    undo_by: str | None = None
    undo_note: str | None = None

    @property
    def is_pending(self) -> bool:
        """Whether it still waits for somebody."""
        return self.state in PENDING
