"""`inpaintd keeper` as a process: its duties by the settings, two at once, metrics, and a prompt end."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

import httpx
import pytest

from producer.keeper.program import Connections, duties
from producer.settings import ProducerSettings
from storage.database import Database, db_now
from storage.ids import new_id
from storage.job import JobState
from storage.job_reader import JobReader
from storage.object_store import LocalObjectStore
from storage.settings import StorageSettings
from tests.jobs import Desk, change
from tests.servers import free_port
from tests.service import program

SECONDS = 60.0
DAY = 86400.0


def until(holds: object, what: str) -> None:
    """Waits until `holds()` is true."""
    end = time.monotonic() + SECONDS
    while True:
        with contextlib.suppress(httpx.TransportError):
            if holds():  # type: ignore[operator]
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
        (ProducerSettings(orphan_seconds=0, retention_days=30), {"erase_jobs", "erase_files"}),
    ],
)
def test_the_settings_say_what_is_erased(storage: StorageSettings, settings: ProducerSettings, more: set[str]) -> None:
    connections = Connections.open(storage)
    names = {duty.name for duty in duties(connections, storage, settings, threading.Event())}
    connections.close()
    assert names & {"orphans", "erase_jobs", "erase_files"} == more
    assert {"reap", "expire", "ring", "forget_keys"} <= names


def test_two_keepers_do_all_of_it_and_end_when_told(sqlite_url: str, storage: StorageSettings, tmp_path: Path) -> None:
    database, objects = Database(sqlite_url), LocalObjectStore(tmp_path / "objects")
    desk, reader = Desk(database), JobReader(database)
    lost = desk.submit()
    desk.claim_one(lease_seconds=-1)
    late, old = desk.submit(deadline_seconds=-1), desk.submit()
    change(database, old.id, state="canceled", finished_at=db_now(-31 * DAY))
    orphan = f"results/{new_id('job')}/1-x"
    objects.put(orphan, b"x", "image/png")
    hours_ago = time.time() - 3600
    os.utime(tmp_path / "objects" / orphan, (hours_ago, hours_ago))
    ports = [free_port(), free_port()]
    env = {
        **os.environ,
        "INPAINTD_DATABASE_URL": storage.database_url,
        "INPAINTD_REDIS_URL": storage.redis_url,
        "INPAINTD_OBJECTS": storage.objects,
        "INPAINTD_RETENTION_DAYS": "30",
        "INPAINTD_ORPHAN_TTL_SECONDS": "60",
    }

    def all_done() -> bool:
        jobs = {job.id: reader.get(job.id, desk.tenant_id) for job in (lost, late, old)}
        return (
            jobs[lost.id].state is JobState.QUEUED
            and jobs[late.id].state is JobState.EXPIRED
            and jobs[old.id].erased_at is not None
            and objects.keys("results/") == []
        )

    def served(port: int) -> bool:
        return 'inpaintd_keeper_run_seconds_count{duty="reap"}' in httpx.get(f"http://127.0.0.1:{port}/metrics").text

    with contextlib.ExitStack() as stack:
        keepers = [
            stack.enter_context(
                program(
                    f"keeper{port}",
                    ["producer.cli", "keeper"],
                    {**env, "INPAINTD_KEEPER_METRICS_PORT": str(port)},
                    tmp_path,
                )
            )
            for port in ports
        ]
        until(all_done, "the duties were not done")
        for port in ports:
            until(lambda port=port: served(port), "the metrics were not served")
        began = time.monotonic()
        for keeper in keepers:
            keeper.terminate()
        assert [keeper.wait(SECONDS) for keeper in keepers] == [0, 0]
        assert time.monotonic() - began < 8
    assert reader.get(lost.id, desk.tenant_id).crash_count == 1
    database.close()
