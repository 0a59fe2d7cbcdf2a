"""From what is known of a job to the row of a case about it, to be written in the commit that makes it wait."""

from __future__ import annotations

from storage.also import Row
from storage.case import CaseKind
from storage.case_tables import cases
from storage.ids import new_id
from storage.job import Job, NewJob


def case_row(
    job: Job | NewJob,
    kind: CaseKind,
    *,
    category: str,
    severity: int,
    rule: str,
    queue: str,
    seconds: float,
    held_at: str | None = None,
    words: str | None = None,
    first_by: str | None = None,
    expected: str | None = None,
    id: str | None = None,
) -> Row:
    """The row of a case that may wait `seconds`: part of `Move.also` or `NewJob.also`. See storage.case.Case."""
    about = {"job_id": job.id, "tenant_id": job.tenant_id, "held_at": held_at}
    place = {"category": category, "severity": severity, "rule": rule, "queue": queue}
    known = {"words": words, "first_by": first_by, "expected": expected}
    return Row(cases, {"id": id or new_id("case"), "kind": kind, **about, **place, **known}, {"due_at": seconds})
