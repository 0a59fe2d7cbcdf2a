"""A worker process that dies, hangs or is stopped, at every place where that hurts: one result, nothing lost."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from storage.broker import Doorbell
from storage.failpoints import EXIT_STATUS
from storage.job import Job, JobState
from storage.job_store import MAX_SOLO_CRASHES
from storage.lease_store import LeaseStore
from tests.integration.worker.workshop import Workshop
from tests.null_worker import POISON_STATUS
from tests.service import program
from worker.process import HUNG_STATUS


def reap_until(workshop: Workshop, job: Job, seconds: float = 15) -> None:
    """Plays the keeper until `job` was taken back."""
    leases, end = LeaseStore(workshop.database), time.monotonic() + seconds
    while job.id not in leases.reap():
        assert time.monotonic() < end, workshop.log()
        time.sleep(0.1)


@pytest.mark.parametrize(
    "place", ["after_claim", "mid_step", "before_put", "after_put", "before_commit", "after_commit"]
)
def test_a_death_at_any_place_leaves_one_result(workshop: Workshop, place: str) -> None:
    job = workshop.submit()
    with workshop.worker(env={"INPAINTD_FAILPOINT": f"{place}:kill"}) as process:
        assert process.wait(30) == -signal.SIGKILL
    if workshop.row(job).state is not JobState.SUCCEEDED:
        assert place != "after_commit"
        reap_until(workshop, job)
    with workshop.worker():
        done = workshop.await_state(job, JobState.SUCCEEDED)
    assert done.images[0].key in workshop.made()
    assert workshop.types(job).count("job.succeeded") == 1
    assert len(workshop.made()) == (2 if place in ("after_put", "before_commit") else 1), "the collector finds the rest"


def test_a_death_after_the_ring_was_taken_costs_nothing(workshop: Workshop) -> None:
    job = workshop.submit()
    bell = Doorbell(workshop.settings.redis_url)
    env = {"INPAINTD_FAILPOINT": "after_pop:exit"}
    bell.ring("default", job.id)
    with workshop.worker(env=env) as process:
        # The poller may be there first; the ring is taken all the same.
        assert process.wait(30) == EXIT_STATUS
    bell.close()
    if workshop.row(job).state is JobState.RUNNING:
        reap_until(workshop, job)
    with workshop.worker():
        assert workshop.await_state(job, JobState.SUCCEEDED).attempt <= 2


def test_a_zombie_writes_nothing_and_removes_what_it_stored(workshop: Workshop) -> None:
    job = workshop.submit()
    with workshop.worker(name="zombie", env={"INPAINTD_FAILPOINT": "after_put:stop"}) as zombie:
        workshop.await_state(job, JobState.RUNNING)
        reap_until(workshop, job, 30)
        with workshop.worker(name="other"):
            done = workshop.await_state(job, JobState.SUCCEEDED)
        assert len(workshop.made()) == 2
        os.kill(zombie.pid, signal.SIGCONT)
        end = time.monotonic() + 20
        while workshop.made() != [done.images[0].key]:
            assert time.monotonic() < end, workshop.log()
            time.sleep(0.05)
    assert workshop.row(job) == done


def test_a_poison_job_takes_no_neighbour_along(workshop: Workshop, tmp_path: Path) -> None:
    """Eight jobs in one batch, one of which kills whoever denoises it: seven succeed, one fails."""
    jobs = [workshop.submit(prompt="poison" if index == 3 else "a red circle") for index in range(8)]
    leases = LeaseStore(workshop.database)
    end = time.monotonic() + 90
    while any(workshop.row(job).state in (JobState.QUEUED, JobState.RUNNING) for job in jobs):
        assert time.monotonic() < end, [workshop.row(job) for job in jobs]
        with workshop.worker("--poison-prompt", "poison", slots=8, env={"INPAINTD_LEASE_SECONDS": "2"}) as process:
            while process.poll() is None and workshop.row(jobs[3]).state is not JobState.FAILED:
                leases.reap()
                time.sleep(0.1)
            if process.poll() is None:
                for job in jobs[:3] + jobs[4:]:
                    workshop.await_state(job, JobState.SUCCEEDED)
            else:
                assert process.returncode == POISON_STATUS
        while any(workshop.row(job).state is JobState.RUNNING for job in jobs):
            leases.reap()
            time.sleep(0.1)
    states = [workshop.row(job).state for job in jobs]
    assert states == [JobState.FAILED if index == 3 else JobState.SUCCEEDED for index in range(8)]
    failed = workshop.row(jobs[3])
    assert failed.error is not None
    assert (failed.error.code, failed.crash_count) == ("worker_lost", MAX_SOLO_CRASHES + 1)
    assert all(workshop.row(job).crash_count <= 1 for job in jobs if job.id != failed.id)


def test_a_hung_step_ends_the_process_and_its_jobs_come_back_alone(workshop: Workshop) -> None:
    job = workshop.submit(prompt="hang")
    env = {"INPAINTD_HANG_SECONDS": "1", "INPAINTD_LEASE_SECONDS": "60"}
    with workshop.worker("--hang-prompt", "hang", env=env) as process:
        assert process.wait(30) == HUNG_STATUS
    assert LeaseStore(workshop.database).reap() == [job.id], "not only when its lease of 60 s ends"
    back = workshop.row(job)
    assert (back.state, back.solo, back.crash_count) == (JobState.QUEUED, True, 1)


def test_a_fleet_starts_a_hung_process_again(workshop: Workshop, tmp_path: Path) -> None:
    hanging = workshop.submit(prompt="hang")
    env = {**workshop.env, "INPAINTD_HANG_SECONDS": "1", "INPAINTD_SLOTS": "1"}
    with program("fleet", ["tests.null_fleet", "--hang-prompt", "hang"], env, tmp_path):
        reap_until(workshop, hanging, 40)
        workshop.desk.jobs.cancel(hanging.id, hanging.tenant_id)
        after = workshop.submit()
        workshop.await_state(after, JobState.SUCCEEDED)
