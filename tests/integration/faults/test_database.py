"""PostgreSQL restarted, sessions cut at the commit, answers lost: nothing is reaped for it, nothing ends twice."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

from storage.job import JobState
from tests.integration.faults.ward import Ward, body, eventually, failpoint, stopped


def test_a_restart_that_outlasts_every_lease_costs_no_job_an_attempt(ward: Ward) -> None:
    jobs = [ward.submit(steps=80) for _ in range(3)]
    with ward.reaping(), ward.worker("--step-seconds", "0.1"):
        for job in jobs:
            ward.await_steps(job)
        ward.postgres.stop("immediate")
        threading.Event().wait(ward.settings.lease_seconds + 0.5)
        ward.postgres.start()
        done = [ward.await_state(job, JobState.SUCCEEDED) for job in jobs]
    assert [(job.attempt, job.crash_count, job.error_count) for job in done] == [(1, 0, 0)] * 3
    ward.await_end([job.id for job in jobs])


def test_a_session_cut_at_the_commit_of_a_result(ward: Ward) -> None:
    job = ward.submit()
    with ward.worker(env=failpoint("before_commit:stop")) as process:
        cut_while_stopped(ward, process)
        done = ward.await_state(job, JobState.SUCCEEDED)
    assert (done.attempt, ward.types(job)) == (1, ["job.queued", "job.started", "job.succeeded"])
    ward.await_end([job.id])


def test_a_session_cut_at_the_commit_of_a_submit(ward: Ward) -> None:
    with ward.api(INPAINTD_FAILPOINT="before_commit:stop") as (service, process), ThreadPoolExecutor(1) as caller:
        answer = caller.submit(lambda: service.submit(**body()))
        cut_while_stopped(ward, process)
        accepted = answer.result(60)["id"]
    with ward.worker():
        ward.await_end([accepted])
    assert ward.outcomes() == {"succeeded": 1}


def cut_while_stopped(ward: Ward, process: subprocess.Popen[bytes]) -> None:
    """Cuts the transaction in which the failpoint stopped the process, and lets that go on."""
    eventually(lambda: stopped(process), 60, ward.log)
    # Another of its threads may have been stopped inside a transaction as well.
    assert ward.cut_idle_in_transaction() >= 1
    os.kill(process.pid, signal.SIGCONT)


def test_the_answer_to_a_committed_result_is_lost(ward: Ward) -> None:
    job = ward.submit()
    with ward.worker(env=failpoint("commit_answer:raise")):
        ward.await_state(job, JobState.SUCCEEDED)
    assert "commit_in_doubt" in ward.log()
    assert "job_lost_at_finish" not in ward.log()
    assert ward.types(job) == ["job.queued", "job.started", "job.succeeded"]
    ward.await_end([job.id])


def test_the_answer_to_a_committed_submit_is_lost(ward: Ward) -> None:
    with ward.api(INPAINTD_FAILPOINT="commit_answer:raise") as (service, _):
        accepted = service.submit(**body())["id"]
    assert "commit_in_doubt" in ward.log()
    with ward.worker():
        ward.await_end([accepted])
    assert ward.outcomes() == {"succeeded": 1}
