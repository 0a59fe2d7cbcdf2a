"""S3 that answers 500, is slow, or is not there: waited out under the lease; no success without its object."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from storage.job import Job, JobState
from tests import servers
from tests.integration.faults.proxy import Proxy, proxying
from tests.integration.faults.ward import Ward, eventually


@pytest.fixture
def proxy(s3_server: servers.S3Server) -> Iterator[Proxy]:
    with proxying(s3_server.endpoint) as proxy:
        yield proxy


def run(ward: Ward, proxy: Proxy) -> Job:
    """A job whose worker sees the object store through the proxy; the lease is renewed, or it would be reaped."""
    job = ward.submit()
    with ward.reaping(), ward.worker(env={"INPAINTD_S3_ENDPOINT": proxy.endpoint}):
        done = ward.await_state(job, JobState.SUCCEEDED)
    ward.await_end([job.id])
    return done


def test_answers_of_500_are_tried_again(ward: Ward, proxy: Proxy) -> None:
    proxy.failures = 2
    done = run(ward, proxy)
    assert proxy.failed == 2
    assert (done.attempt, done.error_count) == (1, 0)


def test_a_put_that_takes_longer_than_a_lease(ward: Ward, proxy: Proxy) -> None:
    proxy.delay_seconds = ward.settings.lease_seconds + 1
    done = run(ward, proxy)
    assert (done.attempt, done.crash_count) == (1, 0)


def test_a_store_that_is_away_is_waited_for(ward: Ward, proxy: Proxy) -> None:
    """It goes away while the job is denoised, and comes back after longer than a lease."""
    job = ward.submit(steps=10)
    with ward.reaping(), ward.worker("--step-seconds", "0.2", env={"INPAINTD_S3_ENDPOINT": proxy.endpoint}):
        ward.await_steps(job)
        proxy.close()
        eventually(lambda: ward.row(job).step == 10, 20, ward.log)
        threading.Event().wait(ward.settings.lease_seconds + 1)
        assert ward.row(job).state is JobState.RUNNING
        assert ward.made() == []
        proxy.open()
        done = ward.await_state(job, JobState.SUCCEEDED)
    assert (done.attempt, done.crash_count) == (1, 0)
    ward.await_end([job.id])
