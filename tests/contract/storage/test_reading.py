"""Listings, the place in the queue, keys and files, on SQLite and PostgreSQL alike."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage import ids, key_store, recent
from storage.database import Database, note_moved
from storage.errors import FileMissing
from storage.file_store import FileStore
from storage.job import JobState
from storage.job_reader import Beat, JobFilter, JobReader
from storage.key_store import KeyStore
from storage.object_store import LocalObjectStore
from storage.outlook import Outlook
from storage.upload_store import UploadStore
from tests.jobs import Desk
from tests.objects import keys


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


@pytest.fixture
def reader(database: Database) -> JobReader:
    return JobReader(database)


def test_a_history_is_in_order_although_a_machines_clock_is_late(
    desk: Desk, reader: JobReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids carry the time of the machine that made them; a worker an hour behind makes ids that sort first."""
    job, hour_ago = desk.submit(), time.time_ns() - 3600 * 10**9
    with monkeypatch.context() as late:
        late.setattr(ids, "_last", 0)
        late.setattr(ids.time, "time_ns", lambda: hour_ago)
        desk.claim_one()
    desk.jobs.cancel(job.id, desk.tenant_id)
    events = reader.events(job.id, desk.tenant_id)
    assert [event.type for event in events] == ["job.queued", "job.started", "job.cancel_requested"]
    assert events[1].id < events[0].id < events[2].id


def test_pages_show_every_job_once_newest_first(desk: Desk, reader: JobReader) -> None:
    made = [desk.submit().id for _ in range(7)]
    seen: list[str] = []
    cursor = None
    while True:
        page = reader.page(desk.tenant_id, JobFilter(), limit=3, cursor=cursor)
        seen += [job.id for job in page.jobs]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == made[::-1]


def test_filters_narrow_a_listing(desk: Desk, reader: JobReader) -> None:
    wanted = desk.submit(batch="batch_1", user="usr_1")
    desk.submit(batch="batch_2", user="usr_2")
    desk.jobs.cancel(desk.submit().id, desk.tenant_id)

    def ids(only: JobFilter) -> list[str]:
        return [job.id for job in reader.page(desk.tenant_id, only).jobs]

    assert ids(JobFilter(batch="batch_1")) == [wanted.id]
    assert ids(JobFilter(user="usr_1")) == [wanted.id]
    assert len(ids(JobFilter(status=JobState.CANCELED))) == 1
    assert ids(JobFilter(created_after=datetime.now(UTC) + timedelta(hours=1))) == []
    assert len(ids(JobFilter(created_after=datetime.now(UTC) - timedelta(hours=1)))) == 3


def test_the_queue_position_counts_who_is_served_before(database: Database, desk: Desk, reader: JobReader) -> None:
    jobs = [desk.submit() for _ in range(3)]
    outlook = Outlook(database)
    assert [outlook.of(jobs)[job.id].position for job in jobs] == [0, 1, 2]
    assert outlook.of([desk.claim_one()]) == {}
    assert outlook.of([jobs[2]])[jobs[2].id].position == 1
    assert reader.due() == {"default": jobs[1].id}


def test_a_key_opens_its_tenant_until_it_expires(database: Database) -> None:
    keys = KeyStore(database)
    tenant = keys.create_tenant("acme")
    assert keys.create_tenant("acme") == tenant
    key = keys.create_key(tenant, ["submit", "read"])
    principal = keys.authenticate(key)
    assert principal is not None
    assert (principal.tenant_id, principal.scopes) == (tenant, {"submit", "read"})
    assert keys.authenticate(key + "x") is None
    assert keys.authenticate(keys.create_key(tenant, ["read"], life=timedelta(0))) is None
    with pytest.raises(ValueError, match="unknown scopes"):
        keys.create_key(tenant, ["everything"])


def test_a_key_that_was_seen_is_remembered_for_a_moment_only(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = KeyStore(database)
    key = keys.create_key(keys.create_tenant("acme"), ["read"])
    assert keys.remembered(key) is None
    principal = keys.authenticate(key)
    assert keys.remembered(key) == principal
    now = time.monotonic()
    monkeypatch.setattr(recent.time, "monotonic", lambda: now + key_store.REMEMBERED_SECONDS)
    assert keys.remembered(key) is None


def test_who_waits_is_told_of_each_job_that_moves_once_it_has(database_url: str) -> None:
    told: list[str] = []
    database = Database(database_url, told.append)
    desk = Desk(database)
    job = desk.submit()
    assert told == [], "nobody can wait for a job that is not yet there"
    desk.claim_one()
    desk.jobs.cancel(job.id, desk.tenant_id)
    assert told == [job.id, job.id]
    with contextlib.suppress(ZeroDivisionError), database.transaction() as connection:
        note_moved(connection, ["job_x"])
        raise ZeroDivisionError
    with database.transaction():
        pass
    assert told == [job.id, job.id], "what was rolled back has not moved"
    database.close()


def test_beats_and_stories_of_many_jobs(desk: Desk, reader: JobReader) -> None:
    first, second = desk.submit(), desk.submit()
    desk.claim_one()
    beats = reader.beats([first.id, second.id, "job_x"])
    assert beats == {
        first.id: Beat(JobState.RUNNING, 1, False, 0, first.steps),
        second.id: Beat(JobState.QUEUED, 0, False, 0, second.steps),
    }
    stories = reader.stories([first.id, second.id, "job_x"])
    assert {job_id: [event.type for event in story.history] for job_id, story in stories.items()} == {
        first.id: ["job.queued", "job.started"],
        second.id: ["job.queued"],
    }
    assert stories[first.id].job.state is JobState.RUNNING


def test_a_file_is_its_tenants_alone(database: Database, tmp_path: Path) -> None:
    files = FileStore(database, LocalObjectStore(tmp_path / "objects"))
    keys = KeyStore(database)
    mine, theirs = keys.create_tenant("mine"), keys.create_tenant("theirs")
    stored = files.add(mine, b"picture", "image/png", width=3, height=2)
    assert files.get(stored.id, mine) == stored
    assert (stored.size, stored.width, stored.height) == (7, 3, 2)
    with pytest.raises(FileMissing):
        files.get(stored.id, theirs)


def test_an_upload_becomes_a_file_once_and_only_for_its_tenant(database: Database, tmp_path: Path) -> None:
    objects = LocalObjectStore(tmp_path / "objects")
    files, uploads, tenants = FileStore(database, objects), UploadStore(database), KeyStore(database)
    mine, theirs = tenants.create_tenant("mine"), tenants.create_tenant("theirs")
    upload = uploads.open(mine, 7, sha256=None, content_type=None)
    size = {"width": 3, "height": 2}
    with pytest.raises(FileMissing):
        files.add(theirs, b"picture", "image/png", **size, upload_id=upload.id)
    stored = files.add(mine, b"picture", "image/png", **size, upload_id=upload.id)
    with pytest.raises(FileMissing):
        files.add(mine, b"another", "image/png", **size, upload_id=upload.id)
    assert stored.id == upload.id
    assert files.get(stored.id, mine) == stored
    assert {key: objects.get(key) for key in keys(objects)} == {stored.key: b"picture"}


def test_a_file_without_a_row_leaves_no_bytes(database: Database, tmp_path: Path) -> None:
    objects = LocalObjectStore(tmp_path / "objects")
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        FileStore(database, objects).add("tnt_nobody", b"picture", "image/png", width=3, height=2)
    assert keys(objects) == []
