"""Erasing by retention, on both databases and both object stores."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from producer.keeper import erase
from producer.keeper.erase import erasing, forgetting_keys, forgetting_marks
from producer.shredder import Shredder
from storage.database import Database, db_now
from storage.errors import ObjectStoreUnavailable
from storage.file_store import FileStore, StoredFile
from storage.ids import new_id
from storage.job import Job
from storage.job_reader import JobReader
from storage.mark import MarkRecord
from storage.mark_store import MarkStore
from storage.mark_tables import marks
from storage.object_store import ObjectStore
from storage.retention import CONTENT, Days, Group, Rule
from storage.retention_rules import RetentionRules
from storage.retention_store import RetentionStore
from storage.tables import files, idempotency_keys
from storage.webhook_store import WebhookStore
from storage.webhook_tables import webhook_deliveries
from tests.jobs import Desk, change, result
from tests.objects import keys

DAY = 86400.0


class Shop:
    """A tenant's jobs with real objects behind them, and the erasing of what is older than 30 days."""

    def __init__(self, database: Database, objects: ObjectStore, desk: Desk) -> None:
        self.database, self.objects, self.desk = database, objects, desk
        self.stop = threading.Event()
        self.rules = RetentionRules(database)
        self.duties = self.keeping(dict.fromkeys(CONTENT, 30.0))
        self.erase_jobs, self.erase_files = self.duties["erase_jobs"], self.duties["erase_files"]

    def keeping(self, days: Days) -> dict[str, Callable[[], int]]:
        """The duties of erasing, by name, where everybody's content is kept for so many days."""
        duties = erasing(Shredder(RetentionStore(self.database), self.objects), self.rules, days, self.stop)
        return {duty.name: duty.do for duty in duties}

    def put(self, key: str) -> str:
        """Stores something under `key` and returns it."""
        self.objects.put(key, b"pixels", "image/png")
        return key

    def submit(self, **changes: Any) -> Job:
        """A queued job with inputs of its own."""
        job_id = new_id("job")
        own = {"image_key": f"inputs/{self.desk.tenant_id}/{job_id}/image"}
        own["mask_key"] = f"inputs/{self.desk.tenant_id}/{job_id}/mask"
        for name, key in own.items():
            if name not in changes:
                self.put(key)
        return self.desk.submit(**{"id": job_id, **own, **changes})

    def finished(self, days_ago: float, **changes: Any) -> Job:
        """A job that succeeded so many days ago."""
        submitted = self.submit(**changes)
        # Terminal rows are frozen, so the time of the end is set before the state.
        job = self.desk.claim_one()
        assert job.id == submitted.id
        made = result(job)
        self.put(made.images[0].key)
        change(
            self.database,
            job.id,
            state="succeeded",
            images=[image.as_dict() for image in made.images],
            finished_at=db_now(-days_ago * DAY),
        )
        return job

    def upload(self, days_ago: float) -> StoredFile:
        """A file that was uploaded so many days ago."""
        file = FileStore(self.database, self.objects).add(
            self.desk.tenant_id, b"pixels", "image/png", width=8, height=8
        )
        with self.database.transaction() as connection:
            aged = sa.update(files).where(files.c.id == file.id).values(created_at=db_now(-days_ago * DAY))
            connection.execute(aged)
        return file

    def has_erased(self, job: Job) -> bool:
        """Whether the job's row says that it was erased."""
        return JobReader(self.database).get(job.id, self.desk.tenant_id).erased_at is not None


@pytest.fixture
def shop(database: Database, objects: ObjectStore, desk: Desk) -> Shop:
    """The tenant of these tests."""
    return Shop(database, objects, desk)


@pytest.mark.parametrize("objects", ["folder"], indirect=True)
def test_old_marks_go_with_their_credentials_and_young_ones_stay(
    database: Database, objects: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erase, "CHUNK", 2)
    store = MarkStore(database)
    for number in range(5):
        key = f"manifests/job_1/1-{number}-a"
        objects.put(key, b"credentials", "application/c2pa")
        record = MarkRecord(f"{number:09x}", "k1", number, 8, 8, (0, 0, 8, 8), {}, key, "0" * 64)
        its = {"id": new_id("mrk"), "tenant_id": "t", "job_id": "job_1", "model": {}, **record.values()}
        made_at = datetime.now(UTC) - timedelta(days=3 if number else 1)
        with database.transaction() as connection:
            connection.execute(sa.insert(marks).values(**its, created_at=made_at))
    duty = forgetting_marks(store, objects, days=2, stop=threading.Event())
    assert [duty.do(), duty.do()] == [4, 0]
    assert keys(objects) == ["manifests/job_1/1-0-a"]
    assert [len(store.find(f"{number:09x}")) for number in range(5)] == [1, 0, 0, 0, 0]


def test_old_jobs_lose_their_pictures_and_keep_their_row(shop: Shop) -> None:
    old, young = shop.finished(31), shop.finished(29)
    waiting = shop.submit()
    change(shop.database, waiting.id, created_at=db_now(-99 * DAY))
    assert shop.erase_jobs() == 1
    left = keys(shop.objects)
    assert not [key for key in left if old.id in key]
    assert len([key for key in left if young.id in key]) == 3
    assert len([key for key in left if waiting.id in key]) == 2
    assert [shop.has_erased(job) for job in (old, young, waiting)] == [True, False, False]
    rows = [JobReader(shop.database).get(job.id, shop.desk.tenant_id) for job in (old, young)]
    assert [row.params.prompt for row in rows] == ["", "a red circle"]
    row = rows[0]
    assert len(row.images) == 1
    assert shop.erase_jobs() == 0


def test_an_uploaded_file_outlives_the_job_that_used_it(shop: Shop) -> None:
    file = shop.upload(days_ago=1)
    shop.finished(31, image_key=file.key)
    assert len(keys(shop.objects)) == 3
    assert shop.erase_jobs() == 1
    assert keys(shop.objects) == [file.key]


def test_cut_off_between_object_and_row_it_begins_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    job = shop.finished(31)
    delete, deleted = shop.objects.delete, []

    def break_down(key: str) -> None:
        if len(deleted) == 2:
            raise ObjectStoreUnavailable("the object store did not answer")
        deleted.append(key)
        delete(key)

    monkeypatch.setattr(shop.objects, "delete", break_down)
    with pytest.raises(ObjectStoreUnavailable):
        shop.erase_jobs()
    assert not shop.has_erased(job)
    monkeypatch.undo()
    assert shop.erase_jobs() == 1
    assert keys(shop.objects) == []
    assert shop.has_erased(job)


def test_many_jobs_and_files_go_in_chunks(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erase, "CHUNK", 2)
    monkeypatch.setattr(erase, "FILE_CHUNK", 2)
    for _ in range(5):
        shop.finished(31)
        shop.upload(days_ago=31)
    shop.upload(days_ago=1)
    assert shop.erase_jobs() == 5
    assert shop.erase_files() == 5
    assert len(keys(shop.objects)) == 1


def test_two_keepers_erase_the_same_jobs_without_harm(shop: Shop, retention: RetentionStore) -> None:
    jobs = [shop.finished(31) for _ in range(3)]
    rule = Rule(Group(), 30.0, CONTENT)
    seen = retention.due(rule, limit=10)
    assert shop.erase_jobs() == 3
    retention.carry_out(rule, seen)
    assert all(shop.has_erased(job) for job in jobs)


def test_files_go_with_their_row_unless_an_unfinished_job_needs_them(shop: Shop) -> None:
    image, mask, spent, unused, young = (shop.upload(days_ago) for days_ago in (31, 31, 31, 31, 29))
    shop.finished(1, image_key=spent.key)
    needing = [shop.submit(image_key=image.key), shop.submit(mask_key=mask.key)]
    assert shop.erase_files() == 2
    left = {key for key in keys(shop.objects) if "file_" in key}
    assert left == {image.key, mask.key, young.key}
    with shop.database.reading() as connection:
        assert set(connection.execute(sa.select(files.c.id)).scalars()) == {image.id, mask.id, young.id}
    for job in needing:
        shop.desk.jobs.cancel(job.id, shop.desk.tenant_id)
    assert shop.erase_files() == 2
    assert unused.key not in keys(shop.objects)


def test_files_are_erased_behind_a_page_of_needed_ones(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erase, "FILE_CHUNK", 2)
    for _ in range(3):
        shop.submit(image_key=shop.upload(days_ago=31).key)
    behind = shop.upload(days_ago=31)
    assert shop.erase_files() == 1
    assert behind.key not in keys(shop.objects)


def test_erasing_stops_between_chunks_when_the_keeper_does(shop: Shop) -> None:
    job = shop.finished(31)
    shop.stop.set()
    assert shop.erase_jobs() == 0
    assert shop.erase_files() == 0
    assert not shop.has_erased(job)


def test_idempotency_keys_last_a_day(database: Database, desk: Desk, retention: RetentionStore) -> None:
    with database.transaction() as connection:
        for key, age in (("a", 25 * 3600), ("b", 24.1 * 3600), ("c", 23.9 * 3600)):
            row = {"tenant_id": desk.tenant_id, "key": key, "fingerprint": "0" * 64, "job_id": "job_1"}
            connection.execute(sa.insert(idempotency_keys).values(**row, created_at=db_now(-age)))
    assert retention.forget_idempotency_keys(older_than_hours=24, limit=1) == 1
    duty = forgetting_keys(retention, threading.Event())
    assert duty.do() == 1
    assert duty.do() == 0
    with database.reading() as connection:
        assert connection.execute(sa.select(idempotency_keys.c.key)).scalars().all() == ["c"]


def test_what_was_sent_about_an_erased_job_goes_with_it(shop: Shop) -> None:
    """A webhook's payload holds the prompt, as the job does; one that was never tried has no payload yet."""
    WebhookStore(shop.database).create(shop.desk.tenant_id, "https://hooks.example/a", ["job.started"])
    old, young = shop.finished(days_ago=31), shop.finished(days_ago=1)
    with shop.database.transaction() as connection:
        connection.execute(sa.update(webhook_deliveries).values(payload="{}"))
    untried = shop.finished(days_ago=31)
    shop.erase_jobs()
    with shop.database.reading() as connection:
        left = connection.execute(sa.select(webhook_deliveries.c.job_id)).scalars().all()
    assert sorted(left) == [young.id, untried.id]
    assert old.id not in left
