"""The oracle on evidence: decisions are on record, once, with the pictures on show, and these with their marks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Any

import sqlalchemy as sa

from storage.audit import Stage
from storage.audit_chain import unpack
from storage.audit_store import AuditStore
from storage.audit_tables import audit_records
from storage.audit_verify import verify
from storage.database import Database
from storage.job import JobState
from storage.mark_tables import marks

Row = sa.Row[Any]
ACTIONS = {JobState.SUCCEEDED: ("allow", "label"), JobState.HELD: ("review",), JobState.BLOCKED: ("block",)}


class Records:
    """The audit record and the marks at the moment it is made."""

    def __init__(self, database: Database) -> None:
        with database.reading() as connection:
            written = connection.execute(sa.select(audit_records).order_by(audit_records.c.id)).all()
            marked = connection.execute(sa.select(marks).order_by(marks.c.image_index)).all()
        self._decisions: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in written:
            texts = {"record": row.record, "hashes": row.hashes}
            self._decisions[row.subject].append({name: unpack(text) for name, text in texts.items()})
        self._marks: dict[str, list[Row]] = defaultdict(list)
        for mark in marked:
            self._marks[mark.job_id].append(mark)

    def unjudged(self, accepted: Collection[str]) -> list[str]:
        """A sentence for each of these jobs whose prompt was not judged on record exactly once."""
        found = {job_id: len(self._at(job_id, Stage.PROMPT)) for job_id in accepted}
        return [f"{job_id}: its prompt is on record {times} times" for job_id, times in found.items() if times != 1]

    def problems_of(self, job: Row) -> Iterator[str]:
        """What the evidence on one job lacks, or says wrongly. A job that broke off has decided nothing."""
        decided = self._at(job.id, Stage.INPUT) + self._at(job.id, Stage.RESULT)
        if job.state in ACTIONS and job.attempt and len(decided) != 1:
            yield f"is {job.state} and {len(decided)} decisions of its worker are on record"
        elif job.state in ACTIONS and decided and decided[0]["record"]["action"] not in ACTIONS[job.state]:
            yield f"is {job.state} and on record as {decided[0]['record']['action']}"
        shown = [(image["sha256"], image["watermark_id"]) for image in job.images]
        if shown and decided and _outputs(decided[0]) != shown:
            yield "shows other pictures than those on record"
        known = [(mark.image_index, mark.mark_id) for mark in self._marks[job.id]]
        if known != [(image["index"], image["watermark_id"]) for image in job.images]:
            yield f"shows {len(job.images)} pictures, and of marks are known {known}"

    def _at(self, job_id: str, stage: Stage) -> list[dict[str, Any]]:
        return [one for one in self._decisions[job_id] if one["record"]["stage"] == stage]


def broken_chain(database: Database) -> list[str]:
    """Seals what keepers have left, and says what is wrong with the chain of the audit record."""
    store = AuditStore(database)
    while store.seal():
        pass
    report = verify(store)
    return [] if report.fault is None else [f"the audit chain: {report.fault.sentence}"]


def _outputs(decision: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["picture"]["sha256"], one["watermark_id"]) for one in decision["hashes"]["outputs"]]
