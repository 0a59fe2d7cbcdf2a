"""A worker's own database and object store in a folder, filled with jobs that wait."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from bench.job_latency import scene
from bench.paint_requests import GUIDANCE, NO_GUIDANCE
from bench.traffic import Mix, poisson
from storage.database import Database, migrate
from storage.job import JobState, NewJob
from storage.job_reader import JobFilter, JobReader
from storage.key_store import KeyStore
from storage.object_store import open_object_store
from storage.params import InpaintParams
from storage.settings import StorageSettings
from storage.submissions import Submissions
from tests.jobs import new_job

MIX = Mix("20 to 50 steps, 75% guided", range(20, 51), 0.75)


def environment(folder: Path, redis_url: str) -> dict[str, str]:
    """The settings of a worker whose things all lie in `folder`. Nobody rings: jobs are found by looking."""
    return {
        "INPAINTD_DATABASE_URL": f"sqlite:///{folder / 'jobs.db'}",
        "INPAINTD_REDIS_URL": redis_url,
        "INPAINTD_OBJECTS": f"file://{folder / 'objects'}",
        "INPAINTD_MARK_SECRET": "a secret for this benchmark",
        "INPAINTD_CREDENTIALS_DIR": str(folder / "credentials"),
        "INPAINTD_DEVICE": "cpu",
    }


class Backlog:
    """Jobs on one picture, `side` pixels wide and high, of steps and guidance drawn from MIX."""

    def __init__(self, env: dict[str, str], jobs: int, side: int) -> None:
        self._count = jobs
        self._side = side
        migrate(env["INPAINTD_DATABASE_URL"])
        self._sqlite = sqlite3.connect(env["INPAINTD_DATABASE_URL"].removeprefix("sqlite:///"))
        self._database = Database(env["INPAINTD_DATABASE_URL"])
        self._tenant = KeyStore(self._database).create_tenant("bench")
        store = open_object_store(StorageSettings.from_env(env))
        for key, data in zip(("image", "mask"), scene(side), strict=True):
            store.put(f"inputs/t/{key}", data, "image/png")
        for answer in Submissions(self._database).submit_many([self._job(number) for number in range(jobs)]):
            if isinstance(answer, Exception):
                raise answer

    def _job(self, number: int) -> NewJob:
        asked = poisson(MIX, 1.0, 1, number)[0]
        params = InpaintParams(
            prompt="a red circle", steps=asked.steps, guidance_scale=GUIDANCE if asked.guided else NO_GUIDANCE
        )
        return new_job(self._tenant, params=params.resolved(native_size=self._side, seed=number))

    def count(self, state: JobState) -> int:
        """Jobs in `state`."""
        (count,) = self._sqlite.execute("SELECT count(*) FROM jobs WHERE state = ?", [state.value]).fetchone()
        return int(count)

    def receipts(self) -> list[dict[str, Any]]:
        """Of every job; each must have succeeded."""
        jobs = JobReader(self._database).page(self._tenant, JobFilter(), limit=self._count).jobs
        if troubled := [job for job in jobs if job.state is not JobState.SUCCEEDED]:
            raise AssertionError(f"{len(troubled)} jobs did not succeed, such as {troubled[0].id}: {troubled[0].error}")
        return [job.receipt or {} for job in jobs]

    def close(self) -> None:
        """Lets the database go."""
        self._sqlite.close()
        self._database.close()
