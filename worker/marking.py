"""The last thing that happens to a picture: invisible mark, encoding, signed credentials, in this order."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO

import numpy as np
import structlog
from numpy.typing import NDArray
from PIL import Image

from safety.authority import Authority
from safety.credentials import Claim, read, sign
from safety.errors import CredentialsError, MarkError
from safety.fingerprint import Fingerprint, fingerprint
from safety.label import draw_label
from safety.label_schema import Label
from safety.mark_keys import MarkKeys
from safety.marking import can_carry
from safety.marking_schema import Scope, Unmarked
from safety.own_mark import OwnMark
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

    `label_box` is where the visible label stands, if there is one. `manifest` holds the file's credentials once more,
    and `fingerprint` tells the picture from others. There is no
    watermark where the policy lets what is too small for one leave without.
    """

    data: bytes
    content_type: str
    width: int
    height: int
    watermark_id: str | None
    key_id: str | None
    mask_box: Box
    manifest: bytes
    fingerprint: Fingerprint
    label_box: Box | None


@dataclass(frozen=True, slots=True)
class Source:
    """The input as it was sent, the same decoded, and what mark of ours it carries."""

    data: bytes
    picture: Picture
    own_mark: OwnMark

    @classmethod
    def of(cls, data: bytes, picture: Picture, keys: MarkKeys) -> Source:
        """The mark is looked for when it is asked for."""
        return cls(data, picture, OwnMark(picture.rgb, keys))


def mark_and_sign(composite: Composite, job: Job, source: Source, tools: Tools) -> MarkedImage:
    """The file that leaves the service, with the visible label if the policy wants one.

    Raises MarkError when the mark cannot be read back from the file, and CredentialsError.
    """
    original, older, marking = source.picture, source.own_mark.found(), tools.policy.marking
    image, label_box = _labeled(composite.image, marking.label)
    room = can_carry(marking, composite.image.size, composite.region)
    if room or marking.below_smallest is Unmarked.REFUSE:
        # A mark that lies all over the picture would be read instead of one in a part of it: it is written over.
        where = composite.support if marking.scope is Scope.EDIT and older is None else None
        encoded, mark = _marked_file(image, where, job.params.output, original, tools.mark_keys)
    else:
        encoded, mark = encode(image, job.params.output, original), None
    claim = Claim(
        title=job.id,
        model=str(tools.models[job.params.model].identity["name"]),
        software_version=version("inpaintd"),
        mask_box=composite.region,
        watermark_id=mark.id if mark else None,
        parent_mark_id=older.id if older else None,
    )
    content_type = job.params.output.format.content_type
    signed = sign(encoded, content_type, claim, tools.authority, source.data, original.content_type)
    _check_signed(signed.data, content_type, encoded, claim, tools.authority)
    return MarkedImage(
        data=signed.data,
        content_type=content_type,
        width=image.width,
        height=image.height,
        watermark_id=mark.id if mark else None,
        key_id=mark.key_id if mark else None,
        mask_box=composite.region,
        manifest=signed.manifest,
        fingerprint=fingerprint(image),
        label_box=label_box,
    )


def _check_signed(data: bytes, content_type: str, encoded: bytes, claim: Claim, authority: Authority) -> None:
    """Signing is the last hand on a file: it must have left the pixels alone, and its statement must read back."""
    stated = read(data, content_type, authority.root_pem)
    if (
        stated is None
        or not (stated.signed_here and stated.matches_pixels)
        or stated.watermark_id != claim.watermark_id
    ):
        raise CredentialsError("The credentials of the result do not read back as they were signed.")
    before, after = (Image.open(BytesIO(file)) for file in (encoded, data))
    if before.mode != after.mode or before.size != after.size or before.tobytes() != after.tobytes():
        raise CredentialsError("Signing changed the pixels of the result.")


def _labeled(image: Image.Image, label: Label | None) -> tuple[Image.Image, Box | None]:
    # Before the mark, so that the mark lies on the label as well and cannot be had without it.
    if label is None:
        return image, None
    labeled, box = draw_label(image, label)
    return labeled, Box(*box)


def _marked_file(
    image: Image.Image, where: NDArray[np.bool_] | None, output: OutputParams, original: Picture, keys: MarkKeys
) -> tuple[bytes, Mark]:
    def reopened(picture: Image.Image) -> Image.Image:
        return Image.open(BytesIO(encode(picture, output, original)))

    # First a mark that also outlives a later JPEG of the file; where none does, one that outlives the file itself.
    for trial in (lambda picture: jpeg_trial(reopened(picture)), reopened):
        try:
            marked, mark = embed(image, keys, where, trial=trial)
        except MarkError as error:
            log.info("mark_trial_failed", problem=str(error))
            continue
        encoded = encode(marked, output, original)
        found = detect(Image.open(BytesIO(encoded)), keys)
        if found is not None and found.id == mark.id:
            return encoded, mark
    raise MarkError("The mark did not survive the output format; ask for png, or for a higher quality.")
