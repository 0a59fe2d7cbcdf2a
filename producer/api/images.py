"""/v1/jobs/{id}/images/{n}: the finished pictures."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import RedirectResponse

from producer.api.auth import MayRead
from producer.api.dependencies import JobId, ServicesDep
from producer.api.problems import declared
from producer.api.queries import ImageQuery
from producer.api.views import shown_images
from producer.errors import Refusal
from producer.services import Services
from storage.errors import ObjectMissing
from storage.job import Job, ResultImage

router = APIRouter(prefix="/v1/jobs/{job_id}/images", tags=["jobs"])

LINK_SECONDS = 300
_BYTES = {"schema": {"type": "string", "format": "binary"}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The picture.", "content": {f"image/{kind}": _BYTES for kind in ("png", "webp", "jpeg")}},
    302: {"description": "With `redirect`: a link that is good for five minutes."},
    **declared("job_not_found", "image_not_found", "image_gone", "image_withdrawn"),
}


@router.get("/{n}", response_class=Response, responses=_RESPONSES, summary="Download a finished image")
def download(
    principal: MayRead,
    job_id: JobId,
    n: str,
    query: Annotated[ImageQuery, Query()],
    services: ServicesDep,
) -> Response:
    """The bytes as they were checked and marked. The ETag is their SHA-256. Only a succeeded job has images."""
    job = services.reader.get(job_id, principal.tenant_id)
    if job.withdrawn_at is not None:
        raise Refusal("image_withdrawn", f"The images of {job.id} were taken back; `safety.statement` says why.")
    image = _find(job, n)
    if not job.has_results:
        # Looked at first, because a link would be made for an object that is no longer there, too.
        raise _gone()
    link = services.objects.presign(image.key, LINK_SECONDS) if query.redirect else None
    if link is not None:
        return RedirectResponse(link, 302, headers={"Cache-Control": "private, no-store"})
    return _response(bytes_of(services, job, image), image)


def _find(job: Job, n: str) -> ResultImage:
    images = shown_images(job)
    found = next((image for image in images if str(image.index) == n), None)
    if found is None:
        there = f"it has {len(images)}" if images else f"it is {job.state.value}, and only succeeded jobs have any"
        raise Refusal("image_not_found", f"There is no image {n!r} of job {job.id}: {there}.")
    return found


def bytes_of(services: Services, job: Job, image: ResultImage) -> bytes:
    """The file of an image of `job`. Raises Refusal `image_gone`."""
    try:
        if job.has_results:
            return services.objects.get(image.key)
    except ObjectMissing:
        pass
    raise _gone()


def _response(data: bytes, image: ResultImage) -> Response:
    headers = {
        "ETag": f'"{image.sha256}"',
        "Cache-Control": "private, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(data, media_type=image.content_type, headers=headers)


def _gone() -> Refusal:
    return Refusal("image_gone", "This image is no longer stored. Submit the job again with its seed.")
