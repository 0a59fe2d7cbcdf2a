"""Pictures as the client takes them, and as a request carries them."""

from __future__ import annotations

import base64
from pathlib import Path

Picture = bytes | Path | str
"""Bytes, a Path to a file, the `file_` id of an earlier upload, or an `https:` URL, which the service fetches."""


def picture_bytes(picture: bytes | Path) -> bytes:
    """The encoded picture. Raises OSError."""
    return picture.read_bytes() if isinstance(picture, Path) else picture


def source(picture: Picture) -> str:
    """The picture as a field of a request: itself, or a data: URI. Raises OSError."""
    if isinstance(picture, str):
        return picture
    # The service looks at the bytes, not at the name of the type.
    return f"data:application/octet-stream;base64,{base64.b64encode(picture_bytes(picture)).decode()}"
