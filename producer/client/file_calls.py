"""Calls about pictures: uploads, also past the service, and where a picture comes from."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import cast

import httpx

from producer.client.answers import ask, fetch
from producer.client.errors import ServiceRefused, ServiceUnreachable
from producer.client.pictures import picture_bytes
from producer.client.retries import patiently
from producer.client.steps import Request, Send, Steps, Work, request
from producer.client.types import DetectionView, FileView, UploadView


def upload(picture: bytes | Path, *, direct: bool = False) -> Steps[FileView]:
    """Stores a picture that several jobs refer to by its `id`.

    With `direct` the bytes go to the service's object store itself, where that can be reached, and not through
    the service. Raises ServiceRefused, ServiceUnreachable, OSError.
    """
    data: bytes = yield Work(lambda: picture_bytes(picture))
    if not direct:
        return (yield from fetch(FileView, "POST", "/v1/files", files={"file": ("picture", data)}))
    announced = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    place = yield from fetch(UploadView, "POST", "/v1/files/presign", json=announced)
    if place["url"].startswith("/"):
        yield from ask(request("PUT", place["url"], repeatable=True, content=data, headers=place["headers"]))
    else:
        yield from _put_at_store(place, data)
    return (yield from fetch(FileView, "POST", place["complete"], repeatable=True))


def detect(picture: bytes | Path, *, search: bool = True) -> Steps[DetectionView]:
    """Where a PNG, JPEG or WebP comes from: whether it was made here, when, by which model, and what was repainted.

    Without `search`, marks in turned, mirrored, scaled or pasted pictures are not looked for. The service keeps
    nothing of the picture.
    """
    data: bytes = yield Work(lambda: picture_bytes(picture))
    file, query = {"file": ("picture", data)}, {"search": search}
    asked = request("POST", "/v1/detect", repeatable=True, files=file, params=query)
    return cast(DetectionView, (yield from ask(asked)).json())


def _put_at_store(place: UploadView, data: bytes) -> Steps[None]:
    """Raises ServiceRefused with the code `store_refused`, and ServiceUnreachable."""
    put = Request("PUT", place["url"], {"content": data, "headers": place["headers"]}, repeatable=True, elsewhere=True)
    # The query is what lets anybody write there, so errors name the place without it.
    shown = str(httpx.URL(place["url"]).copy_with(query=None))
    try:
        answer = yield from patiently(Send(put))
    except httpx.TransportError as problem:
        detail = f"The object store at {shown} does not answer ({problem}); upload without `direct` instead."
        raise ServiceUnreachable(detail) from None
    if not answer.is_success:
        detail = f"The object store answered {answer.status_code} to {shown}; upload without `direct` instead."
        raise ServiceRefused(answer.status_code, "store_refused", detail)
