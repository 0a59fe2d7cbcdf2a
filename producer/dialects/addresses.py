"""Where results are to be had."""

from __future__ import annotations

from producer.api.views import shown_images
from storage.job import Job


def image_urls(base: str, job: Job) -> list[str]:
    """Where a succeeded job's images are served, with 200, to whoever has a key of its tenant; of any other, none."""
    return [f"{base}/v1/jobs/{job.id}/images/{image.index}" for image in shown_images(job)]
