"""SIGTERM again and again, as a rollout or a spot fleet sends it."""

from __future__ import annotations

import signal

from storage.job import JobState
from tests.integration.faults.ward import Ward

TIMES = 3
GRACE = {"INPAINTD_GRACE_SECONDS": "0.2"}  # instead of 30 s, which a job of 30 s would need to outlast


def test_a_job_that_is_drained_again_and_again_pays_nothing_for_it(ward: Ward) -> None:
    job = ward.submit(steps=100)
    for attempt in range(1, TIMES + 1):
        with ward.reaping(), ward.worker("--step-seconds", "0.2", env=GRACE) as process:
            ward.await_row(job, lambda row, attempt=attempt: row.attempt == attempt and row.step > 0)  # type: ignore[misc]
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        row = ward.row(job)
        assert (row.state, row.attempt, row.crash_count, row.error_count) == (JobState.QUEUED, attempt, 0, 0)
        assert not row.solo
    with ward.worker():
        done = ward.await_state(job, JobState.SUCCEEDED)
    assert done.attempt == TIMES + 1
    ward.await_end([job.id])
