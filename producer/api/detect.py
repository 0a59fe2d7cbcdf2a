"""/v1/detect: where a picture comes from. What is sent is examined and forgotten."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal, Self, cast

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from producer.api.auth import MayDetect
from producer.api.dependencies import ServicesDep
from producer.api.files import PICTURE_CODES
from producer.api.forms import only_file, read_form
from producer.api.problems import declared
from producer.detect import Detector
from producer.detection import Detection, FoundCredentials, FoundMark, Origin
from producer.errors import ComeAgain, Refusal
from storage.pictures import PictureError

router = APIRouter(prefix="/v1/detect", tags=["detector"])

BUSY_SECONDS = 2.0
_PICTURE = {"schema": {"type": "string", "format": "binary"}}
_CONTENT = {
    "multipart/form-data": {"schema": {"$ref": "#/components/schemas/FileForm"}},
    **{f"image/{kind}": _PICTURE for kind in ("png", "jpeg", "webp")},
}
_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": _CONTENT}}
_CODES = ("form_invalid", "body_too_large", "field_missing", "field_unknown", "detector_off", "detector_busy")


class Examiners:
    """As many threads as examine pictures at once, and a short line before them."""

    def __init__(self) -> None:
        self.slots = max(1, (os.cpu_count() or 1) // 2)
        self.places = 8 * self.slots
        self._taken = 0

    async def examine(self, work: Callable[[], Detection]) -> Detection:
        """What `work` finds. Raises ComeAgain (`detector_busy`) when the line is full."""
        if self._taken >= self.places:
            raise ComeAgain("detector_busy", f"{self._taken} pictures are being examined already.", BUSY_SECONDS)
        self._taken += 1
        try:
            return await to_thread.run_sync(work, limiter=self._limiter)
        finally:
            self._taken -= 1

    @functools.cached_property
    def _limiter(self) -> CapacityLimiter:
        # Belongs to the event loop, which is not there yet when the application is put together.
        return CapacityLimiter(self.slots)


class ShapeView(BaseModel):
    """How the picture was changed since it was marked, as the mark tells."""

    size: float = Field(description="1 where it was not scaled, 0.5 for half as wide and high.")
    degrees: float = Field(description="Turned clockwise, after mirroring.")
    mirrored: bool


class MarkView(BaseModel):
    """An invisible watermark of this service. `id` is what the images of its job call `watermark_id`."""

    id: str
    key_id: str
    shape: ShapeView | None

    @classmethod
    def of(cls, mark: FoundMark) -> Self:
        """The view of a mark."""
        shape = mark.shape and ShapeView(**asdict(mark.shape))
        return cls(id=mark.id, key_id=mark.key_id, shape=shape)


class CredentialsView(BaseModel):
    """Content credentials (C2PA). `found_in` record: the file had lost them, and its mark led to ours."""

    found_in: Literal["file", "record"]
    signed_here: bool = Field(description="This service signed the statement, whatever became of the pixels.")
    trusted: bool = Field(description="Signed here, and nothing was changed since.")
    matches_pixels: bool = Field(description="The file is, byte for byte, the one that was signed.")
    issuer: str | None
    model: str | None
    software_version: str | None
    watermark_id: str | None
    parent_watermark_id: str | None = Field(description="The mark that the picture carried before it was edited.")
    problems: list[str] = Field(description="C2PA status codes.")

    @classmethod
    def of(cls, found: FoundCredentials) -> Self:
        """The view of credentials. Their title is left out: it may name a job."""
        content = found.content
        return cls(
            found_in=found.found_in,
            signed_here=content.signed_here,
            trusted=content.made_here and content.matches_pixels,
            matches_pixels=content.matches_pixels,
            issuer=content.issuer,
            model=content.model,
            software_version=content.software_version,
            watermark_id=content.watermark_id,
            parent_watermark_id=content.parent_mark_id,
            problems=list(dict.fromkeys(content.problems)),
        )


class OriginView(BaseModel):
    """When and by which model it was made; `job` and `index` only for the tenant of the job."""

    made_at: datetime
    model: dict[str, Any]
    job: str | None
    index: int | None

    @classmethod
    def of(cls, origin: Origin) -> Self:
        """The view of an origin."""
        return cls(made_at=origin.made_at, model=origin.model, job=origin.job_id, index=origin.image_index)


class DetectionView(BaseModel):
    """What a picture says of where it comes from. `made_here` and `suspect` are null where it cannot be decided."""

    object: Literal["detection"] = "detection"
    made_here: bool | None
    suspect: bool | None = Field(description="A mark or credentials of one picture were moved onto another.")
    summary: list[str] = Field(description="The findings as sentences.")
    width: int
    height: int
    watermark: MarkView | None
    credentials: CredentialsView | None
    origin: OriginView | None
    repainted: list[tuple[int, int, int, int]] = Field(
        description="Repainted areas in pixels of this picture: left, top, right, bottom; about so in a changed copy."
    )

    @classmethod
    def of(cls, found: Detection) -> Self:
        """The view of a detection."""
        return cls(
            made_here=found.made_here,
            suspect=found.suspect,
            summary=list(found.sentences),
            width=found.size[0],
            height=found.size[1],
            watermark=found.mark and MarkView.of(found.mark),
            credentials=found.credentials and CredentialsView.of(found.credentials),
            origin=found.origin and OriginView.of(found.origin),
            repainted=list(found.repainted),
        )


def _detector(services: ServicesDep) -> Detector:
    if services.detector is None:
        raise Refusal("detector_off", "This service knows neither its mark nor its certificates here.")
    return services.detector


DetectorDep = Annotated[Detector, Depends(_detector)]


@router.post("", responses=declared(*_CODES, *PICTURE_CODES), openapi_extra=_BODY, summary="Examine a picture")
async def examine(
    request: Request,
    caller: MayDetect,
    detector: DetectorDep,
    search: Annotated[
        bool, Query(description="Look for marks in turned, mirrored, scaled and pasted pictures.")
    ] = True,
) -> DetectionView:
    """A PNG, JPEG or WebP, as the part `file` of a form or as the body itself. Nothing of it is kept.

    Reads the invisible watermark and the content credentials, says whether the picture was made here, when and by
    which model, where it was repainted, and whether a mark was copied onto it. Any key may ask; where the operator
    allows it, anybody may, a few times a minute.
    """
    is_form = request.headers.get("content-type", "").lower().startswith("multipart/form-data")
    data = only_file(await read_form(request)) if is_form else await request.body()
    tenant_id = caller.tenant_id if caller else None
    examiners = cast(Examiners, request.app.state.examiners)
    try:
        return DetectionView.of(await examiners.examine(lambda: detector.examine(data, tenant_id, searched=search)))
    except PictureError as error:
        raise Refusal.of_field("file", error.code, error.message.replace("The image", "The file", 1)) from error
