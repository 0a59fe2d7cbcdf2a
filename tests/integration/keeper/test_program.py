"""`inpaintd keeper` as a process: its duties by the settings, two at once, metrics, and a prompt end."""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from producer.keeper.program import Connections, duties
from producer.settings import ProducerSettings
from safety.retention_schema import Retention
from storage.database import Database, db_now
from storage.ids import new_id
from storage.job import Job, JobState
from storage.job_reader import JobReader
from storage.object_store import LocalObjectStore
from storage.settings import StorageSettings
from tests.jobs import Desk, change
from tests.objects import keys
from tests.packaged import POLICY
from tests.servers import free_port
from tests.service import program

SECONDS = 60.0
DAY = 86400.0


def until(holds: Callable[[], bool], what: str) -> None:
    """Waits until `holds()` is true."""
    end = time.monotonic() + SECONDS
    while True:
        with contextlib.suppress(httpx.TransportError):
            if holds():
                return
        assert time.monotonic() < end, what
        time.sleep(0.02)


@pytest.fixture
def storage(sqlite_url: str, redis_url: str, tmp_path: Path) -> StorageSettings:
    """A deployment in a folder."""
    return StorageSettings(sqlite_url, redis_url, f"file://{tmp_path / 'objects'}")


@pytest.mark.parametrize(
    ("settings", "more"),
    [
        (ProducerSettings(), {"orphans"}),
        (ProducerSettings(orphan_seconds=0), set()),
    ],
)
def test_the_settings_say_what_is_erased(storage: StorageSettings, settings: ProducerSettings, more: set[str]) -> None:
    connections = Connections.open(storage)
    names = {duty.name for duty in duties(connections, storage, settings, POLICY, threading.Event())}
    kept = replace(POLICY, retention=Retention(marks=30))
    assert {duty.name for duty in duties(connections, storage, settings, kept, threading.Event())} - names == {
        "forget_marks"
    }
    connections.close()
    assert names & {"orphans"} == more
    assert {
        "reap",
        "expire",
        "ring",
        "erase_jobs",
        "erase_files",
        "erase_words",
        "expire_held",
        "forget_keys",
        "forget_strikes",
        "forget_uploads",
        "seal_audit",
        "erase_audit",
    } <= names


@dataclass(frozen=True)
class Chores:
    """One thing to do for each of four duties."""

    lost: Job
    late: Job
    old: Job
    objects: LocalObjectStore
    reader: JobReader

    @classmethod
    def leave(cls, desk: Desk, database: Database, folder: Path) -> Chores:
        """A lease that ended, a deadline that passed, a job of last month, and an object without a job."""
        lost = desk.submit()
        desk.claim_one(lease_seconds=-1)
        late, old = desk.submit(deadline_seconds=-1), desk.submit()
        change(database, old.id, state="canceled", finished_at=db_now(-31 * DAY))
        objects = LocalObjectStore(folder)
        orphan = f"results/{new_id('job')}/1-x"
        objects.put(orphan, b"x", "image/png")
        hours_ago = time.time() - 3600
        os.utime(folder / orphan, (hours_ago, hours_ago))
        return cls(lost, late, old, objects, JobReader(database))

    def row(self, job: Job) -> Job:
        """The job as it stands."""
        return self.reader.get(job.id, job.tenant_id)

    def done(self) -> bool:
        """Whether every duty did its part."""
        moved = (self.row(self.lost).state, self.row(self.late).state) == (JobState.QUEUED, JobState.EXPIRED)
        return moved and self.row(self.old).erased_at is not None and keys(self.objects, "results/") == []


@pytest.fixture
def chores(sqlite_url: str, tmp_path: Path) -> Iterator[Chores]:
    """A deployment with something to do."""
    database = Database(sqlite_url)
    yield Chores.leave(Desk(database), database, tmp_path / "objects")
    database.close()


@pytest.fixture
def keepers(storage: StorageSettings, tmp_path: Path) -> Iterator[dict[int, subprocess.Popen[bytes]]]:
    """Two keeper processes, by the ports of their metrics."""
    env = {
        **os.environ,
        "INPAINTD_DATABASE_URL": storage.database_url,
        "INPAINTD_REDIS_URL": storage.redis_url,
        "INPAINTD_OBJECTS": storage.objects,
        "INPAINTD_RETENTION_DAYS": "30",
        "INPAINTD_ORPHAN_TTL_SECONDS": "60",
    }
    with contextlib.ExitStack() as stack:
        started = {}
        for port in (free_port(), free_port()):
            mine = {**env, "INPAINTD_KEEPER_METRICS_PORT": str(port)}
            keeper = program(f"keeper{port}", ["producer.cli", "keeper"], mine, tmp_path)
            started[port] = stack.enter_context(keeper)
        yield started


def reaps(port: int) -> bool:
    """Whether the keeper says in its metrics that it reaps, and how the queues of review stand."""
    told = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    stands = 'inpaintd_review_waiting_cases{queue="general"} 0.0' in told
    stands = stands and 'inpaintd_backlog_seconds{model="default"} ' in told
    return stands and 'inpaintd_keeper_run_seconds_count{duty="reap"}' in told


def test_two_keepers_do_all_of_it_and_end_when_told(
    chores: Chores, keepers: dict[int, subprocess.Popen[bytes]]
) -> None:
    until(chores.done, "the duties were not done")
    for port in keepers:
        until(functools.partial(reaps, port), "the metrics were not served")
    began = time.monotonic()
    for keeper in keepers.values():
        keeper.terminate()
    assert [keeper.wait(SECONDS) for keeper in keepers.values()] == [0, 0]
    assert time.monotonic() - began < 8
    assert chores.row(chores.lost).crash_count == 1
