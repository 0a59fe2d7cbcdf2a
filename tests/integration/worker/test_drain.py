"""SIGTERM and a second SIGTERM, to a real worker process and through a real fleet."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from storage.job import Job, JobState
from tests.integration.worker.workshop import Workshop
from tests.service import program

GRACE = {"INPAINTD_GRACE_SECONDS": "30"}
# About a second on an idle machine. The jobs here would take 20 s more, so that a busy one can tell as well.
SOON_SECONDS = 12


def released(job: Job) -> bool:
    """In the queue again, as if it had never been taken, but for the number of its attempt."""
    return (job.state, job.crash_count, job.error_count, job.solo) == (JobState.QUEUED, 0, 0, False)


def test_what_fits_the_grace_is_finished_and_the_rest_is_given_back_at_once(workshop: Workshop) -> None:
    short, long = workshop.submit(steps=20), workshop.submit(steps=150)
    with workshop.worker("--step-seconds", "0.2", env={"INPAINTD_GRACE_SECONDS": "10"}) as process:
        workshop.await_steps(short, 4)
        workshop.await_steps(long, 4)
        process.send_signal(signal.SIGTERM)
        assert released(workshop.await_state(long, JobState.QUEUED, 8)), "before the grace ends"
        assert process.wait(SOON_SECONDS) == 0
    assert workshop.row(short).state is JobState.SUCCEEDED
    assert workshop.types(long) == ["job.queued", "job.started", "job.queued"]


def test_a_draining_worker_takes_nothing_new_and_says_so(workshop: Workshop, tmp_path: Path) -> None:
    running, ready = workshop.submit(steps=30), tmp_path / "ready"
    with workshop.worker("--step-seconds", "0.1", env={**GRACE, "INPAINTD_READY_FILE": str(ready)}) as process:
        workshop.await_steps(running)
        assert ready.exists()
        process.send_signal(signal.SIGTERM)
        late = workshop.submit()
        workshop.await_row(running, lambda _: not ready.exists())
        assert process.poll() is None, "before the last job has ended"
        assert process.wait(10) == 0
    assert workshop.row(running).state is JobState.SUCCEEDED
    assert workshop.row(late).attempt == 0


def test_a_second_sigterm_gives_everything_back_at_the_next_step(workshop: Workshop) -> None:
    jobs = [workshop.submit(steps=100) for _ in range(3)]
    with workshop.worker("--step-seconds", "0.2", env=GRACE) as process:
        for job in jobs:
            workshop.await_steps(job)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert process.poll() is None
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert time.monotonic() - began < SOON_SECONDS
    assert all(released(workshop.row(job)) for job in jobs)


def test_a_hurried_process_does_not_wait_for_a_step_that_takes_long(workshop: Workshop) -> None:
    job = workshop.submit(steps=100)
    with workshop.worker("--step-seconds", "20", env=GRACE) as process:
        workshop.await_state(job, JobState.RUNNING)
        for _ in range(2):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
        assert process.wait(SOON_SECONDS) == 0
    assert released(workshop.row(job))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_fleet_passes_the_second_signal_on(workshop: Workshop, tmp_path: Path, number: signal.Signals) -> None:
    jobs = [workshop.submit(steps=100) for _ in range(2)]
    env = {**workshop.env, **GRACE, "INPAINTD_DEVICES": "cpu,cpu", "INPAINTD_SLOTS": "1"}
    with program("fleet", ["tests.null_fleet", "--step-seconds", "0.2"], env, tmp_path) as fleet:
        for job in jobs:
            workshop.await_steps(job)
        fleet.send_signal(number)
        time.sleep(0.5)
        assert fleet.poll() is None, "the first lets them finish"
        fleet.send_signal(number)
        assert fleet.wait(SOON_SECONDS) == 0
    assert all(released(workshop.row(job)) for job in jobs)
