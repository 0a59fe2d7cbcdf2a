"""What becomes of a job when its store or its database fails under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from storage import certainty
from storage.also import Row
from storage.errors import DatabaseUnavailable, ObjectStoreUnavailable
from storage.failpoints import make_reach
from storage.job import Job, JobResult, JobState
from storage.object_store import LocalObjectStore
from tests.unit.worker.workbench import Bench, hook


class FullStore(LocalObjectStore):
    """Takes one object, then no more."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.room = 1

    def put(self, key: str, data: bytes, content_type: str) -> None:
        if self.room == 0:
            raise ObjectStoreUnavailable("full")
        self.room -= 1
        super().put(key, data, content_type)


def test_a_store_that_fails_half_way_leaves_nothing_and_the_job_waits(bench: Bench, tmp_path: Path) -> None:
    job = bench.store(num_images=3)
    bench.tools = replace(bench.tools, objects=FullStore(tmp_path / "objects"))
    bench.execute(job)
    assert (bench.row(job).state, bench.row(job).error_count) == (JobState.QUEUED, 1)
    assert bench.made() == []


def test_nothing_is_written_or_removed_when_the_finish_is_in_doubt(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit took effect, its answer was lost, and the database stayed away for as long as anyone waits."""
    job, real = bench.store(), bench.tools.jobs.succeed

    def succeed(job: Job, result: JobResult, also: Sequence[Row]) -> bool:
        assert real(job, result, also)
        raise DatabaseUnavailable("away")

    monkeypatch.setattr(bench.tools.jobs, "succeed", succeed)
    bench.execute(job)
    done = bench.row(job)
    assert (done.state, done.error_count) == (JobState.SUCCEEDED, 0)
    assert bench.made() == [image.key for image in done.images]


def test_a_commit_whose_answer_is_lost_is_looked_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    job = bench.store()
    monkeypatch.setattr(certainty, "reach", make_reach("commit_answer:raise"))
    bench.execute(job)
    done = bench.row(job)
    assert done.state is JobState.SUCCEEDED
    assert bench.made() == [image.key for image in done.images]
    types = [event.type for event in bench.reader.events(job.id, job.tenant_id)]
    assert types.count("job.succeeded") == 1


class Flaky(LocalObjectStore):
    """Fails `times` times, then answers."""

    times = 3

    def put(self, key: str, data: bytes, content_type: str) -> None:
        self._maybe_fail()
        super().put(key, data, content_type)

    def get(self, key: str) -> bytes:
        self._maybe_fail()
        return super().get(key)

    def _maybe_fail(self) -> None:
        if self.times:
            self.times -= 1
            raise ObjectStoreUnavailable("500")


def test_short_troubles_of_the_store_cost_no_retry(bench: Bench, tmp_path: Path) -> None:
    job = bench.store()
    store = Flaky(tmp_path / "objects")
    bench.tools = replace(bench.tools, objects=store)
    hook(bench.judge, "scores", lambda: setattr(store, "times", 3))
    bench.execute(job)
    assert (bench.row(job).state, bench.row(job).error_count) == (JobState.SUCCEEDED, 0)


def test_a_store_that_stays_away_never_makes_a_success(bench: Bench, tmp_path: Path) -> None:
    job = bench.store()
    store = Flaky(tmp_path / "objects")
    store.times = 99
    bench.tools = replace(bench.tools, objects=store)
    bench.execute(job)
    row = bench.row(job)
    assert (row.state, row.error_count, row.images) == (JobState.QUEUED, 1, ())
