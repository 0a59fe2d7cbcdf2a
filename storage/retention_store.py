"""What may be erased, and what is still known: the rows behind the objects. All ages by the database's clock."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from storage.batch_tables import batches
from storage.case_tables import cases
from storage.database import Database, db_now
from storage.erasure import forget_content, forget_kinds, forget_words, has_words
from storage.job import Job, JobState
from storage.job_store import FINISH
from storage.mark_tables import marks
from storage.moves import apply
from storage.retention import Group, Kind, Rule
from storage.retention_rules import Place, place_of, reach
from storage.rows import job_of
from storage.tables import Moment, files, idempotency_keys, jobs, uploads
from storage.upload_store import Upload

_DAY = 86400.0
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class EndedJob:
    """An ended job with the keys of all objects that are its own: inputs that were sent with it, and its images."""

    id: str
    inputs: list[str]
    results: list[str]

    def keys(self, kinds: Collection[Kind]) -> list[str]:
        """Those of the objects that are of these kinds."""
        return [*(self.inputs if Kind.INPUTS in kinds else ()), *(self.results if Kind.RESULTS in kinds else ())]


@dataclass(frozen=True, slots=True)
class DuePage:
    """Jobs for which a rule's time has come, and the place that is reached with them."""

    jobs: list[EndedJob]
    place: Place | None


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """An uploaded file that no unfinished job refers to."""

    id: str
    key: str


@dataclass(frozen=True, slots=True)
class FilePage:
    """A page of old files. `last` is where the next page begins, None when there is none."""

    unused: list[UploadedFile]
    last: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a job stands, as far as its objects are concerned."""

    state: JobState
    attempt: int
    image_keys: frozenset[str]
    erased: bool


class RetentionStore:
    """Reads and marks of the keeper's erasing duties, over all tenants. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def now(self) -> datetime:
        """The database's clock."""
        with self._database.reading() as connection:
            now: datetime = connection.execute(sa.select(sa.type_coerce(db_now(), Moment))).scalar_one()
        return now

    def due(self, rule: Rule, *, limit: int) -> DuePage:
        """The next `limit` jobs for which the time of `rule` has come, in the order in which they ended."""
        old = sa.and_(jobs.c.finished_at < db_now(-rule.days * _DAY), rule.group.has(jobs.c.tenant_id))
        with self._database.reading() as connection:
            place = place_of(connection, rule)
            after = sa.true() if place is None else _behind(place)
            statement = sa.select(jobs).where(old, after).order_by(jobs.c.finished_at, jobs.c.id).limit(limit)
            found = [job_of(row) for row in connection.execute(statement)]
        last = found[-1] if found else None
        end = None if last is None or last.finished_at is None else Place(last.finished_at, last.id)
        return DuePage([ended_job(job) for job in found], end)

    def asked(self, *, limit: int) -> list[EndedJob]:
        """Up to `limit` ended jobs whose owner asked for their content to be erased and which still have it."""
        waiting = sa.and_(jobs.c.erase_asked_at.is_not(None), jobs.c.erased_at.is_(None))
        ended = sa.select(jobs).where(waiting, jobs.c.finished_at.is_not(None)).order_by(jobs.c.id).limit(limit)
        with self._database.reading() as connection:
            return [ended_job(job_of(row)) for row in connection.execute(ended)]

    def mark_erased(self, job_ids: Collection[str]) -> None:
        """Notes that the objects of these ended jobs are gone, and forgets what else told of their content."""
        if not job_ids:
            return
        with self._database.transaction() as connection:
            forget_content(connection, job_ids)

    def carry_out(self, rule: Rule, page: DuePage) -> None:
        """Erases of these jobs what `rule` names, once their objects of these kinds are gone, and notes how far it is.

        A job that was gone through before loses nothing more.
        """
        if page.place is None:
            return
        with self._database.transaction() as connection:
            forget_kinds(connection, [job.id for job in page.jobs], rule.kinds)
            reach(connection, rule, page.place)

    def forget_words_of_cases(self, rule: Rule, *, limit: int) -> int:
        """Takes what people wrote out of up to `limit` cases that were decided longer ago; how many."""
        old = sa.and_(cases.c.decided_at < db_now(-rule.days * _DAY), rule.group.has(cases.c.tenant_id), has_words())
        chosen = sa.select(cases.c.id).where(old).order_by(cases.c.decided_at).limit(limit)
        with self._database.transaction() as connection:
            return forget_words(connection, list(connection.scalars(chosen)))

    def forget_metadata_of_batches(self, rule: Rule, *, limit: int) -> int:
        """Empties the `metadata` of up to `limit` batches that ended longer ago; how many."""
        old = sa.and_(batches.c.finished_at < db_now(-rule.days * _DAY), rule.group.has(batches.c.tenant_id))
        chosen = sa.select(batches.c.id).where(old, batches.c.metadata != {}).limit(limit)
        with self._database.transaction() as connection:
            emptied = sa.update(batches).where(batches.c.id.in_(chosen)).values(metadata={})
            return connection.execute(emptied).rowcount

    def expire_held(self, rule: Rule) -> int:
        """Ends jobs that were sent longer ago and still wait for a person; what lies in quarantine is then nobody's."""
        waiting = sa.and_(jobs.c.state == sa.literal_column("'held'"), jobs.c.created_at < db_now(-rule.days * _DAY))
        values: dict[str, Any] = {**FINISH, "state": JobState.EXPIRED, "images": []}
        with self._database.transaction() as connection:
            return len(apply(connection, sa.and_(waiting, rule.group.has(jobs.c.tenant_id)), values, "job.expired"))

    def files(self, *, group: Group, older_than_days: float, after: str, limit: int) -> FilePage:
        """The next `limit` files of `group` by id after `after`: those older than that which no unfinished job needs.

        Ids sort by age, so that pages end at the first file that is too young, however many come behind it.
        """
        old = (files.c.created_at < db_now(-older_than_days * _DAY)).label("old")
        theirs = sa.and_(files.c.id > after, group.has(files.c.tenant_id))
        page = sa.select(files.c.id, files.c.key, old).where(theirs).order_by(files.c.id).limit(limit)
        with self._database.reading() as connection:
            rows = connection.execute(page).all()
            used = _used(connection, [row.key for row in rows if row.old])
        unused = [UploadedFile(row.id, row.key) for row in rows if row.old and row.key not in used]
        goes_on = len(rows) == limit and bool(rows[-1].old)
        return FilePage(unused, rows[-1].id if goes_on else None)

    def forget_files(self, file_ids: Collection[str]) -> None:
        """Removes the rows of files whose bytes are gone."""
        if not file_ids:
            return
        with self._database.transaction() as connection:
            connection.execute(sa.delete(files).where(files.c.id.in_(file_ids)))

    def forget_idempotency_keys(self, *, older_than_hours: float, limit: int) -> int:
        """Removes up to `limit` idempotency keys older than that, and returns how many."""
        key = sa.tuple_(idempotency_keys.c.tenant_id, idempotency_keys.c.key)
        old = idempotency_keys.c.created_at < db_now(-older_than_hours * _HOUR)
        chosen = sa.select(idempotency_keys.c.tenant_id, idempotency_keys.c.key).where(old).limit(limit)
        with self._database.transaction() as connection:
            return connection.execute(sa.delete(idempotency_keys).where(key.in_(chosen))).rowcount

    def standing(self, job_ids: Collection[str]) -> dict[str, Standing]:
        """How the jobs among these ids stand; one that is not in the answer is unknown."""
        if not job_ids:
            return {}
        columns = (jobs.c.id, jobs.c.state, jobs.c.attempt, jobs.c.images, jobs.c.erased_at)
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(*columns).where(jobs.c.id.in_(job_ids))).all()
        return {row.id: _standing(row) for row in rows}

    def known_files(self, file_ids: Collection[str]) -> set[str]:
        """The keys of the uploaded files that have these ids, and of the uploads that are to be these files."""
        if not file_ids:
            return set()
        with self._database.reading() as connection:
            stored = set(connection.scalars(sa.select(files.c.key).where(files.c.id.in_(file_ids))))
            coming = connection.execute(sa.select(uploads).where(uploads.c.id.in_(file_ids))).all()
        return stored | {Upload(**row._mapping).key for row in coming}

    def known_manifests(self, keys: Collection[str]) -> set[str]:
        """Those of these keys of stored credentials that a mark names."""
        if not keys:
            return set()
        with self._database.reading() as connection:
            return set(connection.scalars(sa.select(marks.c.manifest_key).where(marks.c.manifest_key.in_(keys))))


def _standing(row: sa.Row[*tuple[Any, ...]]) -> Standing:
    keys = frozenset(image["key"] for image in row.images)
    return Standing(JobState(row.state), row.attempt, keys, erased=row.erased_at is not None)


def ended_job(job: Job) -> EndedJob:
    """What there is to erase of `job`, which has ended: nothing is deleted again that its row says is gone."""
    inputs = [key for key in (job.image_key, job.mask_key) if key is not None and job.has_inputs]
    # An uploaded file may serve many jobs; it goes by its own age.
    own = [key for key in inputs if not key.rpartition("/")[2].startswith("file_")]
    return EndedJob(job.id, own, [image.key for image in job.images if job.has_results])


def _behind(place: Place) -> sa.ColumnElement[bool]:
    later = sa.or_(jobs.c.finished_at > place.finished_at, jobs.c.id > place.job_id)
    return sa.and_(jobs.c.finished_at >= place.finished_at, later)


def _used(connection: sa.Connection, keys: Sequence[str]) -> set[str]:
    if not keys:
        return set()
    unfinished = sa.select(jobs.c.image_key, jobs.c.mask_key).where(
        jobs.c.finished_at.is_(None), sa.or_(jobs.c.image_key.in_(keys), jobs.c.mask_key.in_(keys))
    )
    return {key for row in connection.execute(unfinished) for key in row if key is not None}
