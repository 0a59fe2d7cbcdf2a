"""The null worker walks the whole road but for the networks."""

from __future__ import annotations

from storage.broker import Doorbell
from storage.job import JobState
from tests.integration.worker.workshop import Workshop, python


def test_it_runs_jobs_with_and_without_a_ring(workshop: Workshop) -> None:
    bell = Doorbell(workshop.settings.redis_url)
    jobs = [workshop.submit() for _ in range(6)]
    bell.ring("default", jobs[0].id)
    with workshop.worker():
        done = [workshop.await_state(job, JobState.SUCCEEDED) for job in jobs]
        bell.close()
    assert sorted(image.key for job in done for image in job.images) == workshop.made()
    assert {job.attempt for job in done} == {1}


def test_it_loads_no_torch() -> None:
    assert python("import sys, tests.null_worker; print('torch' in sys.modules)") == "False"
