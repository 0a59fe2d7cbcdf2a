"""Cases for tests of review, where what was held does not matter."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from storage.also import add_rows
from storage.case import Case, CaseKind
from storage.case_rows import case_row
from storage.case_store import CaseStore
from storage.case_tables import cases
from storage.database import Database, db_now
from storage.ids import new_id
from storage.job import Job
from tests.jobs import new_job

TRIAGE: dict[str, Any] = {
    "category": "gore",
    "severity": 4,
    "rule": "prompt.gore",
    "queue": "general",
    "seconds": 3600.0,
}


def open_case(database: Database, kind: CaseKind = CaseKind.HELD, about: Job | None = None, **changes: Any) -> Case:
    """A case about a job, by default one that nobody stored."""
    case_id = new_id("case")
    row = case_row(about or new_job("tnt_x"), kind, id=case_id, **{**TRIAGE, **changes})
    with database.transaction() as connection:
        add_rows(connection, [row])
    return CaseStore(database).get(case_id)


def end_lease(database: Database, case: Case) -> None:
    """Lets the lease on a case run out, as time would."""
    with database.transaction() as connection:
        connection.execute(sa.update(cases).where(cases.c.id == case.id).values(lease_until=db_now(-1)))
