"""Erasing everything of a tenant, an end-user or a job, whatever its age, with a record of what went."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from storage.also import Row, add_rows
from storage.audit_tables import audit_records
from storage.batch_tables import batches
from storage.case_tables import cases
from storage.database import Database, db_now
from storage.erasure import forget_content, has_words
from storage.job import TERMINAL
from storage.job_store import cancel_where
from storage.mark_tables import marks
from storage.strike_tables import strikes
from storage.tables import files, idempotency_keys, jobs
from storage.webhook_tables import webhook_deliveries, webhook_endpoints

_TERMINAL = [str(state) for state in TERMINAL]
# What a job's own `batch` may hold besides the id of a batch: a label of the caller's own.
_LABEL = sa.and_(jobs.c.batch.is_not(None), jobs.c.batch.not_like("batch\\_%", escape="\\"))


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose content goes: a tenant's, only that of an end-user of it (a pseudonym), or only that of one job."""

    tenant_id: str
    user: str | None = None
    job_id: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it is all that the tenant has."""
        return self.user is None and self.job_id is None

    @property
    def jobs(self) -> sa.ColumnElement[bool]:
        """The jobs that are meant."""
        one = sa.true() if self.job_id is None else jobs.c.id == self.job_id
        whose = sa.true() if self.user is None else jobs.c.user == self.user
        return sa.and_(jobs.c.tenant_id == self.tenant_id, whose, one)


@dataclass(frozen=True, slots=True)
class Erasable:
    """A job that has ended, with the uploaded files that it used, by key. `started`: whether a worker ever had it."""

    id: str
    file_keys: frozenset[str]
    started: bool


class ErasureStore:
    """What an erasure reads and changes. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(self, scope: Scope) -> int:
        """Cancels what has not ended and notes that all of it is to go; how many jobs still run."""
        running = sa.select(sa.func.count()).select_from(jobs).where(scope.jobs, jobs.c.finished_at.is_(None))
        with self._database.transaction() as connection:
            cancel_where(connection, scope.jobs)
            asked = sa.and_(scope.jobs, jobs.c.erase_asked_at.is_(None))
            connection.execute(sa.update(jobs).where(asked).values(erase_asked_at=db_now()))
            return connection.scalar(running) or 0

    def page(self, scope: Scope, *, after: str, limit: int) -> list[Erasable]:
        """The next jobs by id that are to go, all of which have ended; those that were erased before among them."""
        columns = (jobs.c.id, jobs.c.image_key, jobs.c.mask_key, jobs.c.attempt)
        statement = sa.select(*columns).where(scope.jobs, jobs.c.state.in_(_TERMINAL), jobs.c.id > after)
        with self._database.reading() as connection:
            rows = connection.execute(statement.order_by(jobs.c.id).limit(limit)).all()
        return [_erasable(row.id, {row.image_key, row.mask_key}, row.attempt) for row in rows]

    def files(self, scope: Scope, keys: Collection[str]) -> dict[str, str]:
        """Uploaded files that may go, as key by id: all of a tenant's; else those of `keys` that no other job used."""
        mine = files.c.tenant_id == scope.tenant_id
        # Whether a job without an end-user is one of an end-user's is unknown to SQL; it is not.
        others = sa.and_(jobs.c.tenant_id == scope.tenant_id, ~sa.func.coalesce(scope.jobs, sa.false()))
        used = sa.or_(jobs.c.image_key == files.c.key, jobs.c.mask_key == files.c.key)
        needed = sa.select(jobs.c.id).where(others, used, jobs.c.erased_at.is_(None)).exists()
        theirs = sa.true() if scope.is_whole else files.c.key.in_(sorted(keys))
        free = sa.select(files.c.id, files.c.key).where(mine, theirs, ~needed)
        with self._database.reading() as connection:
            return {row.id: row.key for row in connection.execute(free)}

    def forget(self, scope: Scope, job_ids: Collection[str], file_ids: Collection[str], record: Row) -> None:
        """Erases these jobs and files, whose objects are gone, and puts `record` on record in the same commit."""
        with self._database.transaction() as connection:
            forget_content(connection, job_ids)
            _forget_persons(connection, job_ids)
            connection.execute(sa.delete(files).where(files.c.id.in_(file_ids)))
            if scope.user is not None:
                mine = sa.and_(strikes.c.tenant_id == scope.tenant_id, strikes.c.user == scope.user)
                connection.execute(sa.delete(strikes).where(mine))
            if scope.is_whole:
                _forget_places(connection, scope.tenant_id)
            add_rows(connection, [record])

    def left(self, job_ids: Sequence[str]) -> list[str]:
        """Where something is left of these jobs: `<job>: <column>`; nothing, as it should be, where all is gone."""
        with self._database.reading() as connection:
            return [
                f"{found.job_id}: {where}"
                for where, which in _LEFTOVERS.items()
                for found in connection.execute(which, {"ids": list(job_ids)})
            ]

    def left_of_files(self, file_ids: Sequence[str]) -> list[str]:
        """Those of these files that are still there."""
        with self._database.reading() as connection:
            return list(connection.scalars(sa.select(files.c.id).where(files.c.id.in_(file_ids))))


def _erasable(job_id: str, keys: Collection[str | None], attempt: int) -> Erasable:
    uploaded = {key for key in keys if key and key.rpartition("/")[2].startswith("file_")}
    return Erasable(job_id, frozenset(uploaded), attempt > 0)


def _forget_persons(connection: sa.Connection, job_ids: Collection[str]) -> None:
    """What DELETE leaves for the sake of the record: who it was, by what a picture is known again, marks, strikes."""
    theirs = jobs.c.id.in_(job_ids)
    label = sa.case((_LABEL, sa.null()), else_=jobs.c.batch)
    connection.execute(sa.update(jobs).where(theirs).values(user=None, batch=label))
    on_record = sa.update(audit_records).where(audit_records.c.subject.in_(job_ids))
    connection.execute(on_record.values(prompts=None, hashes=None, user=None))
    for table, column in ((marks, marks.c.job_id), (strikes, strikes.c.job_id)):
        connection.execute(sa.delete(table).where(column.in_(job_ids)))
    # A key is the caller's own text; a copy of the request would be a new job.
    connection.execute(sa.delete(idempotency_keys).where(idempotency_keys.c.job_id.in_(job_ids)))


def _forget_places(connection: sa.Connection, tenant_id: str) -> None:
    """What a whole tenant has besides jobs and files: the names of its batches, addresses that single jobs named."""
    mine = batches.c.tenant_id == tenant_id
    connection.execute(sa.update(batches).where(mine).values(metadata={}, idempotency_key=None))
    endpoint = webhook_endpoints.c
    named = sa.and_(endpoint.tenant_id == tenant_id, endpoint.all_jobs.is_(False))
    gone = {"url": sa.literal("erased:") + endpoint.id, "deleted_at": sa.func.coalesce(endpoint.deleted_at, db_now())}
    connection.execute(sa.update(webhook_endpoints).where(named).values(gone))


def _those(column: sa.ColumnElement[Any], *which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    its: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)
    return sa.select(column.label("job_id")).where(column.in_(its), *which).distinct()


def _text(name: str) -> sa.ColumnElement[str]:
    text: sa.ColumnElement[str] = jobs.c.params[name].as_string()
    return text


_record = audit_records.c
_LEFTOVERS = {
    "it does not say that it was erased": _those(jobs.c.id, jobs.c.erased_at.is_(None)),
    "its prompts": _those(jobs.c.id, sa.or_(_text("prompt") != "", _text("negative_prompt") != "")),
    "its end-user or name": _those(jobs.c.id, sa.or_(jobs.c.user.is_not(None), jobs.c.custom_id.is_not(None), _LABEL)),
    "its audit record": _those(
        _record.subject, sa.or_(_record.prompts.is_not(None), _record.hashes.is_not(None), _record.user.is_not(None))
    ),
    "words in a case": _those(cases.c.job_id, has_words()),
    "a mark": _those(marks.c.job_id),
    "a strike": _those(strikes.c.job_id),
    "a kept answer": _those(idempotency_keys.c.job_id),
    "a sent message": _those(webhook_deliveries.c.job_id, webhook_deliveries.c.payload.is_not(None)),
}
