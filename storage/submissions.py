"""Accepting jobs: once a submit returns, the job cannot be lost, and the same request sent twice is one job.

Submits that come at the same time share a transaction, each committed before its caller hears of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from storage.certainty import certainly
from storage.copies import Trace, original_of
from storage.database import Database
from storage.group import Group
from storage.intake import Answer, Intake, Submitted
from storage.job import NewJob
from storage.rows import job_of
from storage.tables import idempotency_keys, jobs

PATIENCE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An HTTP status and body. The body is kept as text, so that a copy of the request gets the same bytes."""

    status: int
    body: str


class Submissions:
    """The way into the jobs table. For many threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._group: Group[NewJob, Submitted] = Group(self.submit_many)

    def submit(self, new: NewJob) -> Submitted:
        """Stores an accepted request, or finds the job that an earlier copy of it made.

        Raises QueueFull, IdempotencyConflict, and DatabaseUnavailable, after which the job may be stored or not.
        """
        return self._group(new)

    def submit_many(self, news: list[NewJob]) -> list[Answer]:
        """The same for many at once, in one transaction; each has its own answer or exception, in order."""
        trial = _Trial(news)
        try:
            return certainly(self._database, trial.work, trial.outcome, PATIENCE_SECONDS)
        except sa.exc.IntegrityError as error:
            # Something outside broke a rule, say a tenant that was removed: only its own request may fail.
            return [error] if len(news) == 1 else [self.submit_many([new])[0] for new in news]

    def earlier(self, trace: Trace) -> Submitted | None:
        """The job that an earlier copy of a request made, to spare the work of a copy; None if there is none yet.

        A copy that comes at the same time is found by `submit` alone. Raises IdempotencyConflict.
        """
        if not trace.may_be_copy:
            return None
        with self._database.reading() as connection:
            row = original_of(connection, trace)
        return None if row is None else Submitted(job_of(row), replayed=True)

    def kept_answer(self, tenant_id: str, key: str) -> KeptAnswer | None:
        """What was answered under an idempotency key, None as long as nothing was."""
        with self._database.reading() as connection:
            return _kept(connection, tenant_id, key)

    def record_answer(self, tenant_id: str, key: str, answer: KeptAnswer) -> KeptAnswer:
        """Keeps what is answered under an idempotency key, and returns what was kept first."""
        mine = sa.and_(idempotency_keys.c.tenant_id == tenant_id, idempotency_keys.c.key == key)
        first = sa.update(idempotency_keys).where(mine, idempotency_keys.c.status.is_(None))
        with self._database.transaction() as connection:
            connection.execute(first.values(status=answer.status, body=answer.body))
            return _kept(connection, tenant_id, key) or answer


def _kept(connection: sa.Connection, tenant_id: str, key: str) -> KeptAnswer | None:
    mine = (idempotency_keys.c.tenant_id == tenant_id, idempotency_keys.c.key == key)
    kept = sa.select(idempotency_keys.c.status, idempotency_keys.c.body)
    row = connection.execute(kept.where(*mine, idempotency_keys.c.status.is_not(None))).one_or_none()
    return None if row is None else KeptAnswer(row.status, row.body)


class _Trial:
    """One group of submits, whose transaction either took effect as a whole or not at all."""

    def __init__(self, news: Sequence[NewJob]) -> None:
        self._news = news
        self._made: list[Answer] = []

    def work(self, connection: sa.Connection) -> list[Answer]:
        """The answers, which hold if the transaction is committed. Also right when an earlier try landed after all."""
        self._made = Intake(connection, self._news).answers()
        return self._made

    def outcome(self, connection: sa.Connection) -> list[Answer] | None:
        """The answers of a try whose commit is in doubt: any of its rows shows that all of them are there."""
        made = [answer.job.id for answer in self._made if isinstance(answer, Submitted) and not answer.replayed]
        landed = sa.select(jobs.c.id).where(jobs.c.id.in_(made)).limit(1)
        # A try that stored nothing leaves nothing in doubt.
        return self._made if made and connection.scalar(landed) is not None else None
