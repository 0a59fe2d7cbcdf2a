"""Addresses and contents of results, absolute, for clients that know no other kind."""

from __future__ import annotations

import base64

from fastapi import Request

from producer.api.images import bytes_of
from producer.services import Services
from storage.job import Job

LINK_SECONDS = 3600


def base_of(request: Request, services: Services) -> str:
    """The address of this service as callers reach it, without a slash at its end."""
    return services.settings.public_url or str(request.base_url).rstrip("/")


def images_base64(services: Services, job: Job) -> list[str]:
    """The files of a succeeded job, in base64. Raises Refusal `image_gone`."""
    return [base64.b64encode(bytes_of(services, job, image)).decode() for image in job.images]


def data_uris(services: Services, job: Job) -> list[str]:
    """The files of a succeeded job as data: URIs. Raises Refusal `image_gone`."""
    texts = images_base64(services, job)
    return [f"data:{image.content_type};base64,{text}" for image, text in zip(job.images, texts, strict=True)]


def open_urls(services: Services, job: Job) -> list[str]:
    """URLs of a succeeded job's images that need no key: links of the object store, good for an hour, or data: URIs.

    Raises Refusal `image_gone`.
    """
    links = [services.objects.presign(image.key, LINK_SECONDS) for image in job.images if job.erased_at is None]
    found = [link for link in links if link is not None]
    return found if found and len(found) == len(job.images) else data_uris(services, job)
