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


def test_one_process_serves_every_model_of_its_list_and_no_other(workshop: Workshop) -> None:
    served, elsewhere = ("default", "photo"), "xl"
    jobs = {alias: workshop.submit(model=alias) for alias in (*served, elsewhere)}
    env = {"INPAINTD_MODELS": "photo=pocket,xl=pocket", "INPAINTD_WORKER_MODELS": ",".join(served)}
    with workshop.worker(env=env):
        done = [workshop.await_state(jobs[alias], JobState.SUCCEEDED) for alias in served]
    assert [job.model["alias"] for job in done] == list(served)
    assert workshop.row(jobs[elsewhere]).state is JobState.QUEUED


def test_it_loads_no_torch() -> None:
    assert python("import sys, tests.null_worker; print('torch' in sys.modules)") == "False"
