"""The last thing that happens to a picture: invisible mark, encoding, signed credentials, in this order."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO

from PIL import Image

from safety.credentials import Claim, sign
from safety.errors import MarkError
from safety.mark_keys import MarkKeys
from safety.watermark import Mark, detect, embed
from storage.job import Job
from storage.pictures import Picture
from worker.images.compose import Composite
from worker.images.encode import encode
from worker.tools import Tools


@dataclass(frozen=True, slots=True)
class MarkedImage:
    """A finished file. `width` and `height` are pixels."""

    data: bytes
    content_type: str
    width: int
    height: int
    watermark_id: str


def mark_and_sign(composite: Composite, job: Job, original: Picture, parent: bytes, tools: Tools) -> MarkedImage:
    """The file that leaves the service; `parent` is the input as it was sent, `original` the same decoded.

    Raises MarkError when the mark cannot be read back from the file, and CredentialsError.
    """
    marked, mark = embed(composite.image, tools.mark_keys)
    encoded = encode(marked, job.params.output, original.icc)
    _check_readable(encoded, mark, tools.mark_keys)
    claim = Claim(
        title=job.id,
        model=str(tools.model["name"]),
        software_version=version("inpaintd"),
        mask_box=composite.region,
        watermark_id=mark.id,
    )
    content_type = job.params.output.format.content_type
    data = sign(encoded, content_type, claim, tools.authority, parent, original.content_type)
    return MarkedImage(data, content_type, marked.width, marked.height, mark.id)


def _check_readable(encoded: bytes, mark: Mark, keys: MarkKeys) -> None:
    # embed() proved the pixels; a lossy encoder may still have taken the mark away.
    found = detect(Image.open(BytesIO(encoded)), keys)
    if found is None or found.id != mark.id:
        raise MarkError("The mark did not survive the output format; ask for png, or for a higher quality.")
