"""Addresses of a prediction's images that Replicate's client can read."""

from __future__ import annotations

import contextlib

from producer.dialects.addresses import image_urls
from producer.dialects.links import data_uris
from producer.dialects.replicate.prediction import Prediction, prediction_of
from producer.errors import Refusal
from producer.services import Services
from storage.job import Job


def output_urls(services: Services, job: Job, base: str) -> list[str]:
    """https: addresses at this service, which the client calls with its key and which answer 200.

    Over plain http the client makes files of data: URIs only, so there they are the pictures themselves.
    """
    if not base.startswith("https:"):
        with contextlib.suppress(Refusal):  # erased: the prediction is still worth reading
            return data_uris(services, job)
    return image_urls(base, job)


def full_prediction(services: Services, job: Job, base: str) -> Prediction:
    """The prediction with addresses that the client can read."""
    return prediction_of(job, base, output_urls(services, job, base))
