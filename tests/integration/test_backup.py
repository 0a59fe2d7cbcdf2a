"""docs/backup.md, rehearsed: its commands, with jobs coming and ending between the two copies, then the oracle."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from producer.keeper.orphans import Collector
from producer.restore import take_stock
from storage.audit import Decision, Output, Pictures, PolicyId, Print, Stage
from storage.audit_rows import audit_row
from storage.audit_store import AuditStore
from storage.database import Database
from storage.file_store import FileStore
from storage.ids import new_id
from storage.job import Job, JobResult, JobState, ResultImage
from storage.job_reader import JobReader
from storage.lease_store import LeaseStore
from storage.mark import MarkRecord
from storage.object_store import ObjectStore, open_object_store
from storage.retention_store import RetentionStore
from storage.settings import StorageSettings
from tests import servers
from tests.chaos.oracle import Oracle
from tests.contract.docs.blocks import ROOT, blocks_of
from tests.databases import migrated_postgres, migrated_sqlite
from tests.jobs import MODEL, VERDICT, Desk

POSTGRES, POSTGRES_BACK, SQLITE, SQLITE_BACK = list(blocks_of(ROOT / "docs" / "backup.md"))


class Life:
    """A deployment whose jobs this process runs, as a worker would."""

    def __init__(self, settings: StorageSettings, tenant: str = "acme") -> None:
        self.database = Database(settings.database_url)
        self.objects: ObjectStore = open_object_store(settings)
        self.desk = Desk(self.database, tenant)

    def submit(self) -> Job:
        """A job with inputs of its own, one of them uploaded before."""
        job_id, tenant_id = new_id("job"), self.desk.tenant_id
        image = f"inputs/{tenant_id}/{job_id}/image"
        self.objects.put(image, job_id.encode(), "image/png")
        mask = FileStore(self.database, self.objects).add(tenant_id, b"a mask", "image/png", width=8, height=8)
        return self.desk.submit(id=job_id, image_key=image, mask_key=mask.key)

    def start(self) -> Job:
        """The next job, claimed on a lease that ends at once, as that of a worker that is no more."""
        return self.desk.claim_one(lease_seconds=-1.0)

    def end(self, job: Job, to: JobState = JobState.SUCCEEDED) -> None:
        """Stores what `job` made and says so in one commit; `to` is held or succeeded."""
        data = f"{job.id} {job.params.seed}".encode()
        folder, name = ("quarantine" if to is JobState.HELD else "results"), f"{job.id}/{job.attempt}-0-{new_id('x')}"
        sha256 = hashlib.sha256(data).hexdigest()
        self.objects.put(f"{folder}/{name}", data, "image/png")
        self.objects.put(f"manifests/{name}", b"credentials", "application/c2pa")
        image = ResultImage(0, f"{folder}/{name}", sha256, 8, 8, "image/png", 7, "000000001")
        credentials = hashlib.sha256(b"credentials").hexdigest()
        mark = MarkRecord("000000001", "k1", 0, 8, 8, (0, 0, 8, 8), {}, f"manifests/{name}", credentials)
        action = "review" if to is JobState.HELD else "allow"
        seen = Pictures(outputs=(Output(Print(sha256), "000000001"),))
        decided = Decision(Stage.RESULT, action, PolicyId("p", "1", "0" * 64), pictures=seen)
        made = JobResult((image,), {"actual_steps": 30}, VERDICT, {**MODEL, "sha256": "f" * 64}, (mark,))
        move = self.desk.jobs.hold_result if to is JobState.HELD else self.desk.jobs.succeed
        assert move(job, made, also=(audit_row(job.id, decided),))

    def seal(self) -> None:
        """What the keeper does with the audit record."""
        AuditStore(self.database).seal()


def rehearse(
    old: StorageSettings,
    new: StorageSettings,
    shell: Callable[[list[str]], None],
    backup: list[str],
    restore: list[str],
) -> None:
    """Backs `old` up with life going on between the copies, restores it as `new`, and lets the jobs there end."""
    life = Life(old)
    shown, held, running, waiting = (life.submit() for _ in range(4))
    life.end(life.start())
    life.end(life.start(), JobState.HELD)
    assert life.start().id == running.id
    life.seal()
    shell(backup[:-1])
    # Between the copies one job ends that ran, one that waited, and one comes that the dump does not know.
    life.end(JobReader(life.database).get(running.id, running.tenant_id))
    life.end(life.start())
    life.submit()
    shell(backup[-1:])
    shell(restore)

    life.database.close()
    there = Life(new)
    stock = take_stock(there.database, there.objects, read=True)
    assert stock.is_whole
    assert stock.states == {"succeeded": 1, "held": 1, "running": 1, "queued": 1}
    assert stock.count == {"extra": 2}, "an input and a file; what jobs stored that run again may still be theirs"
    assert LeaseStore(there.database).reap() == [running.id]
    for _ in range(2):
        there.end(there.start())
    Collector(RetentionStore(there.database), there.objects, -60.0, stop=threading.Event()).collect()
    accepted = [job.id for job in (shown, held, running, waiting)]
    assert Oracle(there.database).problems(accepted, there.objects) == []
    assert Oracle(there.database).states() == dict.fromkeys(accepted, "succeeded") | {held.id: "held"}
    assert take_stock(there.database, there.objects).count == {}
    _break(there, shown, waiting)


def _break(there: Life, shown: Job, waiting: Job) -> None:
    first, second = (JobReader(there.database).get(job.id, job.tenant_id).images[0].key for job in (shown, waiting))
    there.objects.delete(first)
    there.objects.put(second, b"another picture", "image/png")
    stock = take_stock(there.database, there.objects, read=True)
    assert not stock.is_whole
    assert ([one.key for one in stock.missing], [one.key for one in stock.changed]) == ([first], [second])
    there.database.close()


def _lines(text: str) -> list[str]:
    return [line.removeprefix("$ ") for line in text.splitlines()]


@pytest.fixture
def shell(tmp_path: Path) -> Callable[..., Callable[[list[str]], None]]:
    """Makes a shell in a folder of its own, with the tools of the wheels and these variables besides."""
    tools = f"{servers.postgres_tools()}:{Path(sys.executable).parent}:{os.environ['PATH']}"

    def make(settings: StorageSettings, **variables: str) -> Callable[[list[str]], None]:
        env = {**os.environ, "PATH": tools, **variables}
        for name in ("database_url", "redis_url", "objects", "s3_endpoint", "s3_access_key", "s3_secret_key"):
            env[f"INPAINTD_{name.upper()}"] = getattr(settings, name) or ""

        def run(lines: list[str]) -> None:
            script = "set -eo pipefail\n" + "\n".join(lines)
            done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True)
            assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"

        return run

    return make


def test_postgresql_and_a_bucket_are_restored_elsewhere(
    postgres_server: str, s3_settings: StorageSettings, s3_server: servers.S3Server, shell: Any
) -> None:
    place = s3_settings.objects.removeprefix("s3://")
    with migrated_postgres(postgres_server, "old") as url, servers.fresh_database(postgres_server, "new") as new_url:
        old = _at(s3_settings, url, f"s3://{place}-old")
        new = _at(s3_settings, new_url, f"s3://{place}-new")
        variables = {"BUCKET": f"{place}-old", "NEW_BUCKET": f"{place}-new", "NEW_DATABASE_URL": new_url}
        for remote in ("LIVE", "NEW"):
            its = {"TYPE": "s3", "PROVIDER": "Other", "ENDPOINT": s3_server.endpoint}
            its |= {"ACCESS_KEY_ID": s3_server.access_key, "SECRET_ACCESS_KEY": s3_server.secret_key}
            variables |= {f"RCLONE_CONFIG_{remote}_{name}": value for name, value in its.items()}
        rehearse(old, new, shell(old, **variables), _lines(POSTGRES.text), _lines(POSTGRES_BACK.text))


def test_sqlite_and_a_folder_are_restored_elsewhere(tmp_path: Path, shell: Any) -> None:
    (tmp_path / "data").mkdir()
    url = migrated_sqlite(tmp_path / "data" / "inpaintd.db")
    nowhere = StorageSettings("", "redis://127.0.0.1:1/0", "")
    old = _at(nowhere, url, f"file://{tmp_path / 'data' / 'objects'}")
    restored = tmp_path / "restored"
    new = _at(nowhere, f"sqlite:///{restored / 'inpaintd.db'}", f"file://{restored / 'objects'}")
    rehearse(old, new, shell(old), _lines(SQLITE.text), _lines(SQLITE_BACK.text))


def _at(settings: StorageSettings, database_url: str, objects: str) -> StorageSettings:
    return replace(settings, database_url=database_url, objects=objects)
