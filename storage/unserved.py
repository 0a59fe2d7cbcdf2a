"""Jobs that wait for a model that is no longer on offer: nobody would ever claim them."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from storage.database import Database, db_now
from storage.job import JobError, JobState
from storage.job_reader import waiting_aliases
from storage.job_store import FINISH
from storage.moves import apply
from storage.tables import jobs

PATIENCE_SECONDS = 900.0
"""A list of models that changes reaches API, keepers and workers one after the other."""
MODEL_GONE = JobError("model_gone", "This model is no longer on offer; send the job again with one of GET /v1/models.")


def fail_unserved(database: Database, aliases: Collection[str]) -> list[str]:
    """Fails every job that has been waiting for PATIENCE_SECONDS and whose model is none of `aliases`; their ids."""
    failed = {**FINISH, "state": JobState.FAILED, "error": MODEL_GONE.as_dict()}
    with database.transaction() as connection:
        gone = [alias for alias in waiting_aliases(connection) if alias not in aliases]
        late = sa.and_(jobs.c.state == JobState.QUEUED, jobs.c.not_before < db_now(-PATIENCE_SECONDS))
        theirs = sa.and_(jobs.c.model_alias.in_(gone), late)
        return apply(connection, theirs, failed, "job.failed", {"code": MODEL_GONE.code}) if gone else []
