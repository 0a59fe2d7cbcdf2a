"""Addresses and contents of results, absolute, for clients that know no other kind."""

from __future__ import annotations

import base64

from fastapi import Request

from producer.api.images import bytes_of
from producer.api.views import shown_images
from producer.services import Services
from storage.job import Job

LINK_SECONDS = 3600


def base_of(request: Request, services: Services) -> str:
    """The address of this service as callers reach it, without a slash at its end."""
    return services.settings.public_url or str(request.base_url).rstrip("/")


def images_base64(services: Services, job: Job) -> list[str]:
    """The files of a succeeded job, in base64. Raises Refusal `image_gone`."""
    return [base64.b64encode(bytes_of(services, job, image)).decode() for image in shown_images(job)]


def data_uris(services: Services, job: Job) -> list[str]:
    """The files of a succeeded job as data: URIs. Raises Refusal `image_gone`."""
    texts = images_base64(services, job)
    return [f"data:{image.content_type};base64,{text}" for image, text in zip(shown_images(job), texts, strict=True)]


def open_urls(services: Services, job: Job) -> list[str]:
    """URLs of a succeeded job's images that need no key: links of the object store, good for an hour, or data: URIs.

    Raises Refusal `image_gone`.
    """
    if not job.has_results:  # a link would be made for what is no longer there, too
        return data_uris(services, job)
    links = [services.objects.presign(image.key, LINK_SECONDS) for image in shown_images(job)]
    found = [link for link in links if link is not None]
    return found if len(found) == len(links) else data_uris(services, job)
