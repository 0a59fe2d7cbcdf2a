"""A worker that dies, sleeps past its lease, or hears a ring a hundred times; integration/worker has more."""

from __future__ import annotations

import os
import signal

import pytest
from redis import Redis

from storage.broker import WORK_TASK, make_app, queue_of
from storage.job import JobState
from tests.integration.faults.ward import Ward, eventually, failpoint, stopped


@pytest.mark.parametrize("place", ["after_put", "before_commit"])
def test_what_a_killed_worker_stored_is_collected(ward: Ward, place: str) -> None:
    job = ward.submit()
    with ward.worker(env=failpoint(f"{place}:kill")) as process:
        assert process.wait(60) == -signal.SIGKILL
    (orphan,) = ward.made()
    assert orphan.startswith(f"results/{job.id}/1-")
    with ward.reaping(), ward.worker():
        done = ward.await_state(job, JobState.SUCCEEDED)
    assert ward.collect_orphans() == 2  # the picture, and its credentials beside it
    assert ward.made() == [done.images[0].key]
    ward.await_end([job.id])


def test_a_zombie_that_was_about_to_finish_changes_nothing(ward: Ward) -> None:
    """It wakes up while the next attempt runs, and goes straight to its UPDATE: only `attempt` tells them apart."""
    job = ward.submit(steps=30)
    with ward.worker(name="zombie", env=failpoint("before_finish:stop")) as zombie:
        eventually(lambda: stopped(zombie), 60, ward.log)
        with ward.reaping(), ward.worker("--step-seconds", "0.1", name="other"):
            ward.await_row(job, lambda row: row.attempt == 2 and row.step > 0)
            os.kill(zombie.pid, signal.SIGCONT)
            eventually(lambda: ward.made() == [], 10, ward.log)
            done = ward.await_state(job, JobState.SUCCEEDED)
    assert done.images[0].key.startswith(f"results/{job.id}/2-")
    ward.await_end([job.id])


def test_a_worker_frozen_in_its_commit_holds_up_no_reaper(ward: Ward) -> None:
    """It holds the row's lock until PostgreSQL ends its session; what it commits after that finds another attempt."""
    job = ward.submit()
    with ward.reaping(), ward.worker(name="frozen", env=failpoint("before_commit:stop")) as frozen:
        eventually(lambda: stopped(frozen), 60, ward.log)
        with ward.worker(name="other"):
            done = ward.await_state(job, JobState.SUCCEEDED)
        assert done.images[0].key.startswith(f"results/{job.id}/2-")
        os.kill(frozen.pid, signal.SIGCONT)
        eventually(lambda: ward.made() == [done.images[0].key], 30, ward.log)
    ward.await_end([job.id])


def test_the_same_ring_a_hundred_times_is_one_run(ward: Ward) -> None:
    job = ward.submit()
    app, message = make_app(ward.settings.redis_url), {"model": "default", "job_id": job.id}
    with Redis.from_url(ward.settings.redis_url) as redis:
        redis.flushall()
        for _ in range(100):
            app.send_task(WORK_TASK, kwargs=message, queue=queue_of("default"))
        assert redis.llen(queue_of("default")) == 100
        with ward.worker():
            ward.await_state(job, JobState.SUCCEEDED)
            eventually(lambda: not redis.exists(queue_of("default"), "unacked"), 60, ward.log)
    app.close()
    assert ward.types(job) == ["job.queued", "job.started", "job.succeeded"]
    ward.await_end([job.id])
