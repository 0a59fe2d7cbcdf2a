"""Collecting objects that no row names, on both databases and both object stores."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from producer.keeper import erase, orphans
from producer.keeper.erase import forgetting_uploads
from producer.keeper.orphans import collecting, is_orphan
from storage.database import Database, db_now
from storage.file_store import FileStore
from storage.ids import new_id
from storage.job import HeldAt, Job, JobState
from storage.object_store import ObjectStore
from storage.retention_store import RetentionStore, Standing
from storage.upload_store import UploadStore
from tests.jobs import Desk, change, result
from tests.objects import keys

NAMED, OTHER, EARLIER, LATER = "3-a", "3-b", "2-a", "4-a"
TERMINAL_OR_HELD = ["succeeded", "failed", "blocked", "canceled", "expired", "held"]


def standing(state: str, named: str | None = None, *, erased: bool = False) -> dict[str, Standing]:
    """A job at attempt 3 whose row names one object, or none."""
    keys = frozenset({f"{folder}/job_1/{named}" for folder in ("results", "quarantine")} if named else ())
    return {"job_1": Standing(JobState(state), 3, keys, erased)}


@pytest.mark.parametrize("folder", ["results", "quarantine"])
@pytest.mark.parametrize("state", TERMINAL_OR_HELD)
def test_of_an_ended_or_held_job_only_what_its_row_names_is_kept(folder: str, state: str) -> None:
    jobs = standing(state, NAMED)
    found = {name: is_orphan(f"{folder}/job_1/{name}", jobs, set()) for name in (NAMED, OTHER, EARLIER)}
    assert found == {NAMED: False, OTHER: True, EARLIER: True}


@pytest.mark.parametrize("folder", ["results", "quarantine", "manifests"])
@pytest.mark.parametrize("state", ["queued", "running"])
def test_of_a_job_that_goes_on_only_earlier_attempts_are_orphans(folder: str, state: str) -> None:
    found = {name: is_orphan(f"{folder}/job_1/{name}", standing(state), set()) for name in (EARLIER, OTHER, LATER)}
    assert found == {EARLIER: True, OTHER: False, LATER: False}


def test_credentials_that_a_mark_names_outlive_job_and_pictures() -> None:
    key = f"manifests/job_1/{NAMED}"
    for jobs in ({}, standing("succeeded"), standing("succeeded", erased=True), standing("blocked")):
        assert [is_orphan(key, jobs, named) for named in ({key}, set())] == [False, True]


def test_nothing_of_an_erased_or_unknown_job_is_kept() -> None:
    for key in ("results/job_1/3-a", "inputs/t/job_1/image", "inputs/t/job_1/mask"):
        assert is_orphan(key, standing("succeeded", NAMED, erased=True), set())
        assert is_orphan(key, {}, set())
    assert not is_orphan("inputs/t/job_1/image", standing("failed"), set())


def test_an_uploaded_file_is_an_orphan_without_its_row() -> None:
    assert is_orphan("inputs/t/file_1", {}, set())
    assert not is_orphan("inputs/t/file_1", {}, {"inputs/t/file_1"})


@pytest.mark.parametrize(
    "key", ["results/report.csv", "results/job_1/notes", "inputs/t/in_1", "results/job_1/1-a/b", "inputs/readme", "x"]
)
def test_what_is_not_the_services_own_is_left_alone(key: str) -> None:
    assert not is_orphan(key, {}, set())


@pytest.fixture
def collect(retention: RetentionStore, objects: ObjectStore) -> Callable[[float], int]:
    """Collects what is older than so many seconds."""

    def run(ttl_seconds: float) -> int:
        duty = collecting(retention, objects, threading.Event(), seconds=1, ttl_seconds=ttl_seconds)
        return duty.do() or 0

    return run


def put(objects: ObjectStore, *keys: str) -> None:
    for key in keys:
        objects.put(key, b"pixels", "image/png")


# A day ahead, so that what was stored this very second counts as old whatever the store rounds to.
OLD = -86400.0


def test_leftovers_go_and_everything_that_a_row_names_stays(
    database: Database, desk: Desk, objects: ObjectStore, collect: Callable[[float], int]
) -> None:
    done, held = _finished(database, desk, "succeeded"), _finished(database, desk, "held", held_at=HeldAt.RESULT)
    desk.submit()
    running = desk.claim_one()
    change(database, running.id, attempt=2)
    file = FileStore(database, objects).add(desk.tenant_id, b"pixels", "image/png", width=8, height=8)
    kept = [f"results/{job.id}/1-0-x" for job in (done, held)]
    kept += [f"results/{running.id}/2-0-x", f"inputs/{desk.tenant_id}/{running.id}/image", "results/notes.txt"]
    lost = [f"results/{done.id}/1-0-y", f"quarantine/{held.id}/1-0-y", f"results/{running.id}/1-0-x"]
    lost += [f"results/{new_id('job')}/1-0-x", f"inputs/t/{new_id('job')}/mask", f"inputs/t/{new_id('file')}"]
    put(objects, *kept, *lost)
    assert collect(3600) == 0
    assert collect(OLD) == len(lost)
    assert keys(objects) == sorted([*kept, file.key])
    assert collect(OLD) == 0


def test_of_a_file_that_was_uploaded_directly_only_what_its_row_names_is_kept(
    database: Database,
    desk: Desk,
    objects: ObjectStore,
    collect: Callable[[float], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uploads, files = UploadStore(database), FileStore(database, objects)
    pending, done, given_up = (uploads.open(desk.tenant_id, 6, sha256=None, content_type=None) for _ in range(3))
    put(objects, pending.key, done.key, given_up.key, f"inputs/{desk.tenant_id}/{done.id}-00000000")
    assert collect(OLD) == 1  # the attempt to complete it that was not the one
    file = files.add(desk.tenant_id, b"pixels", "image/png", width=8, height=8, upload_id=done.id)
    uploads.close(given_up.id, desk.tenant_id)
    assert collect(OLD) == 2
    assert keys(objects) == sorted([file.key, pending.key])
    assert forgetting_uploads(uploads).do() == 0
    monkeypatch.setattr(erase, "UPLOAD_SECONDS", -1.0)
    assert forgetting_uploads(uploads).do() == 1
    assert collect(OLD) == 1
    assert keys(objects) == [file.key]


def test_of_an_erased_job_a_late_object_goes(
    database: Database, desk: Desk, objects: ObjectStore, collect: Callable[[float], int]
) -> None:
    job = _finished(database, desk, "succeeded")
    put(objects, f"results/{job.id}/1-0-x", f"inputs/t/{job.id}/image")
    assert collect(OLD) == 0
    change(database, job.id, erased_at=db_now())
    assert collect(OLD) == 2


def test_pages_are_judged_with_one_look_each_and_never_all_at_once(
    objects: ObjectStore,
    retention: RetentionStore,
    collect: Callable[[float], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(orphans, "PAGE", 3)
    put(objects, *(f"results/{new_id('job')}/1-0-x" for _ in range(7)))
    looks: list[int] = []
    look = retention.standing

    def watched(ids: set[str]) -> dict[str, Standing]:
        looks.append(len(ids))
        return look(ids)

    monkeypatch.setattr(retention, "standing", watched)
    assert collect(OLD) == 7
    assert looks == [3, 3, 1]
    assert keys(objects) == []


def test_collecting_stops_between_pages_when_the_keeper_does(objects: ObjectStore, retention: RetentionStore) -> None:
    stop = threading.Event()
    stop.set()
    put(objects, "results/job_1/1-0-x")
    assert collecting(retention, objects, stop, seconds=1, ttl_seconds=OLD).do() == 0
    assert keys(objects) == ["results/job_1/1-0-x"]


def test_two_keepers_collect_at_once_without_harm(objects: ObjectStore, collect: Callable[[float], int]) -> None:
    put(objects, *(f"results/{new_id('job')}/1-0-x" for _ in range(20)))
    with ThreadPoolExecutor(2) as pool:
        found = sum(pool.map(collect, [OLD, OLD]))
    assert found >= 20
    assert keys(objects) == []


def _finished(database: Database, desk: Desk, state: str, **values: object) -> Job:
    """A job whose row names the object `results/{id}/1-0-x`."""
    desk.submit()
    job = desk.claim_one()
    images = [image.as_dict() for image in result(job).images]
    ended = {} if state == "held" else {"finished_at": db_now()}
    change(database, job.id, state=state, images=images, **ended, **values)
    return job
