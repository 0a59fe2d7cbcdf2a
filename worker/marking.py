"""The last thing that happens to a picture: invisible mark, encoding, signed credentials, in this order."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO

import structlog
from PIL import Image

from safety.authority import Authority
from safety.credentials import Claim, read, sign
from safety.errors import CredentialsError, MarkError
from safety.fingerprint import Fingerprint, fingerprint
from safety.mark_keys import MarkKeys
from safety.watermark import Mark, detect, embed, jpeg_trial
from storage.job import Job
from storage.params import OutputParams
from storage.pictures import Picture
from worker.images.box import Box
from worker.images.compose import Composite
from worker.images.encode import encode
from worker.tools import Tools

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class MarkedImage:
    """A finished file. `width` and `height` are pixels, `mask_box` is the repainted area in them.

    `manifest` holds the file's credentials once more, and `fingerprint` tells the picture from others.
    """

    data: bytes
    content_type: str
    width: int
    height: int
    watermark_id: str
    key_id: str
    mask_box: Box
    manifest: bytes
    fingerprint: Fingerprint


def mark_and_sign(composite: Composite, job: Job, original: Picture, parent: bytes, tools: Tools) -> MarkedImage:
    """The file that leaves the service; `parent` is the input as it was sent, `original` the same decoded.

    Raises MarkError when the mark cannot be read back from the file, and CredentialsError.
    """
    encoded, mark = _marked_file(composite.image, job.params.output, original, tools.mark_keys)
    claim = Claim(
        title=job.id,
        model=str(tools.models[job.params.model].identity["name"]),
        software_version=version("inpaintd"),
        mask_box=composite.region,
        watermark_id=mark.id,
    )
    content_type = job.params.output.format.content_type
    signed = sign(encoded, content_type, claim, tools.authority, parent, original.content_type)
    _check_signed(signed.data, content_type, encoded, mark, tools.authority)
    return MarkedImage(
        data=signed.data,
        content_type=content_type,
        width=composite.image.width,
        height=composite.image.height,
        watermark_id=mark.id,
        key_id=mark.key_id,
        mask_box=composite.region,
        manifest=signed.manifest,
        fingerprint=fingerprint(composite.image),
    )


def _check_signed(data: bytes, content_type: str, encoded: bytes, mark: Mark, authority: Authority) -> None:
    """Signing is the last hand on a file: it must have left the pixels alone, and its statement must read back."""
    stated = read(data, content_type, authority.root_pem)
    if stated is None or not (stated.signed_here and stated.matches_pixels) or stated.watermark_id != mark.id:
        raise CredentialsError("The credentials of the result do not read back as they were signed.")
    before, after = (Image.open(BytesIO(file)) for file in (encoded, data))
    if before.mode != after.mode or before.size != after.size or before.tobytes() != after.tobytes():
        raise CredentialsError("Signing changed the pixels of the result.")


def _marked_file(image: Image.Image, output: OutputParams, original: Picture, keys: MarkKeys) -> tuple[bytes, Mark]:
    def reopened(picture: Image.Image) -> Image.Image:
        return Image.open(BytesIO(encode(picture, output, original)))

    # First a mark that also outlives a later JPEG of the file; where none does, one that outlives the file itself.
    for trial in (lambda picture: jpeg_trial(reopened(picture)), reopened):
        try:
            marked, mark = embed(image, keys, trial=trial)
        except MarkError as error:
            log.info("mark_trial_failed", problem=str(error))
            continue
        encoded = encode(marked, output, original)
        found = detect(Image.open(BytesIO(encoded)), keys)
        if found is not None and found.id == mark.id:
            return encoded, mark
    raise MarkError("The mark did not survive the output format; ask for png, or for a higher quality.")
