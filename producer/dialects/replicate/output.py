"""Addresses of a prediction's images that Replicate's client can read."""

from __future__ import annotations

from producer.dialects.addresses import image_url
from producer.dialects.links import data_uris
from producer.dialects.replicate.prediction import Prediction, prediction_of
from producer.errors import Refusal
from producer.services import Services
from storage.job import Job, JobState


def output_urls(services: Services, job: Job, base: str) -> list[str]:
    """https: addresses at this service, which the client calls with its key and which answer 200.

    Over plain http the client makes files of data: URIs only, so there they are the pictures themselves.
    """
    if job.state is not JobState.SUCCEEDED:
        return []
    if base.startswith("https:"):
        return [image_url(base, job, image) for image in job.images]
    try:
        return data_uris(services, job)
    except Refusal:  # erased: the prediction is still worth reading
        return [image_url(base, job, image) for image in job.images]


def full_prediction(services: Services, job: Job, base: str) -> Prediction:
    """The prediction with addresses that the client can read."""
    return prediction_of(job, base, output_urls(services, job, base))
