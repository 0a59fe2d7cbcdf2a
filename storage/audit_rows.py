"""From a decision to its row in the audit record, to be written in the commit of the move that it explains."""

from __future__ import annotations

from storage.also import Row
from storage.audit import Decision
from storage.audit_chain import pack
from storage.audit_tables import audit_records
from storage.ids import new_id


def audit_row(subject: str, decision: Decision) -> Row:
    """The row of `decision` on `subject`, a job's id. It is part of `Move.also` or `NewJob.also`."""
    columns = {name: pack(value) for name, value in decision.columns().items()}
    return Row(audit_records, {"subject": subject, "id": new_id("aud"), **columns})
