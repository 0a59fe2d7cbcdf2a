"""Where results are to be had."""

from __future__ import annotations

from storage.job import Job, ResultImage


def image_url(base: str, job: Job, image: ResultImage) -> str:
    """Where the image is served by this service, with 200, to whoever has a key of the job's tenant."""
    return f"{base}/v1/jobs/{job.id}/images/{image.index}"
