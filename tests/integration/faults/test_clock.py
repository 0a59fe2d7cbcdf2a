"""A worker whose clock is an hour off, beside one whose clock is right."""

from __future__ import annotations

import pytest

from storage.job import JobState
from tests.integration.faults.ward import Ward
from tests.null_worker import CELERY
from tests.service import program

HOUR = 3600
JOBS = 8


@pytest.mark.parametrize("skew", [-HOUR, HOUR])
def test_an_hour_changes_nothing(ward: Ward, skew: int) -> None:
    """Leases, deadlines and order are the database's; the jobs last longer than a lease and are not reaped."""
    jobs = [ward.submit(steps=80) for _ in range(JOBS)]
    with ward.reaping(), program("skewed", arguments(skew), {**ward.env, "INPAINTD_SLOTS": "4"}, ward.folder):
        first = ward.await_steps(jobs[0])
        assert first.started_at is not None
        assert abs((first.started_at - first.created_at).total_seconds()) < 60
        with ward.worker("--step-seconds", "0.05"):
            done = [ward.await_state(job, JobState.SUCCEEDED) for job in jobs]
    assert [(job.attempt, job.crash_count, job.error_count) for job in done] == [(1, 0, 0)] * JOBS
    assert all(job.finished_at and job.created_at <= job.started_at < job.finished_at for job in done if job.started_at)
    ward.await_end([job.id for job in jobs])


def arguments(skew: int) -> list[str]:
    options = [str(skew), "--step-seconds", "0.05", *CELERY, "4", "--hostname", "skewed@localhost"]
    return ["tests.skewed_worker", *options]
