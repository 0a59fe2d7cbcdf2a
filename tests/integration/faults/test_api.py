"""An API that dies between the commit and the ring."""

from __future__ import annotations

import contextlib
import signal

import httpx

from storage.job import JobState
from storage.job_reader import JobFilter
from tests.integration.faults.ward import Ward, body

# A worker looks at least every 1.25 s; the rest is for a busy machine.
SOON_SECONDS = 3.0


def test_killed_after_the_commit_and_before_the_ring(ward: Ward) -> None:
    """Nobody rings, no keeper runs: the worker finds the job by looking."""
    with ward.worker():
        ward.await_state(ward.submit(), JobState.SUCCEEDED)
        with ward.api(INPAINTD_FAILPOINT="after_accept:kill") as (service, process):
            with contextlib.suppress(httpx.TransportError):
                service.submit(**body())
            assert process.wait(10) == -signal.SIGKILL
        job = ward.reader.page(ward.desk.tenant_id, JobFilter(), limit=1).jobs[0]
        done = ward.await_state(job, JobState.SUCCEEDED)
    assert done.started_at is not None
    assert (done.started_at - done.created_at).total_seconds() < SOON_SECONDS
    ward.await_end([done.id])
