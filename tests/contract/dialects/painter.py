"""A worker's part, played by a thread: it ends every job that waits as it is told to."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from producer.services import Services
from storage.job import Job, JobResult, ResultImage
from storage.lease_store import LeaseStore
from tests.contract.api.serving import photo

PICTURE = photo()
"""What every result shows."""
End = Callable[[Services, Job], object]


def succeed(services: Services, job: Job) -> None:
    """Ends the job with as many images as it asks for."""
    images = tuple(_image(services, job, index) for index in range(job.params.num_images))
    made = JobResult(images, {"actual_steps": 30}, job.safety, {**job.model, "sha256": "5" * 64})
    assert services.jobs.succeed(job, made)


@contextmanager
def painting(services: Services, end: End = succeed) -> Iterator[None]:
    """Within the block, jobs do not stay queued."""
    leases, done = LeaseStore(services.database), threading.Event()

    def work() -> None:
        while not done.wait(0.01):
            for job in leases.claim("painter", models=["default"], limit=10):
                end(services, job)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _image(services: Services, job: Job, index: int) -> ResultImage:
    key = f"results/{job.id}/{index}-{'a' * 8}"
    kind = job.params.output.format.content_type
    services.objects.put(key, PICTURE, kind)
    digest = hashlib.sha256(PICTURE).hexdigest()
    return ResultImage(index, key, digest, 96, 64, kind, job.params.image_seed(index), f"wm{index}")
