"""The detector: what a picture says of where it comes from. Nothing of what is examined is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import structlog
from PIL import Image

from producer.detection import (
    Box,
    Detection,
    Facts,
    FoundCredentials,
    FoundMark,
    Origin,
    Shape,
    origin_here,
    sentences,
    suspicion,
)
from safety import credentials
from safety.errors import CredentialsError
from safety.fingerprint import Fingerprint, Placement, place, spread
from safety.hashes import MAX_DISTANCE, MIN_QUALITY, Pdq, distance, pdq
from safety.manifest import Credentials
from safety.mark_keys import MarkKeys
from safety.mark_view import View, as_marked
from safety.watermark import Mark, detect
from storage.errors import ObjectMissing
from storage.mark import KnownMark
from storage.mark_store import MarkStore
from storage.object_store import ObjectStore
from storage.pictures import Picture, open_picture

log = structlog.get_logger(__name__)

_SMALLEST_SCALE, _LARGEST_SCALE = 0.25, 4.0


@dataclass(frozen=True, slots=True)
class Match:
    """A recorded picture, and how the examined one lies on it."""

    known: KnownMark
    fits: bool | None
    placement: Placement | None
    view: View | None = None
    """What was laid on it, if not the picture as it came."""

    @property
    def shape(self) -> Shape | None:
        """How it was changed, as the mark tells."""
        view = self.view
        return None if view is None else Shape(round(view.size_kept, 3), round(view.degrees, 1), view.mirrored)

    @property
    def rank(self) -> tuple[bool, float]:
        """The higher, the likelier it is the one."""
        return self.fits is True, self.placement.score if self.placement else 0.0


@dataclass(frozen=True, slots=True)
class Detector:
    """Examines pictures. Without `keys` no mark is looked for; `anchors` tells the roots that we have signed under."""

    marks: MarkStore
    objects: ObjectStore
    keys: MarkKeys | None
    anchors: Callable[[], str | None]
    max_pixels: int

    def examine(self, data: bytes, tenant_id: str | None, *, searched: bool) -> Detection:
        """What the PNG, JPEG or WebP file `data` says; the job behind it only to its own tenant.

        `searched` also finds marks in pictures that were turned, mirrored, stretched, cut out and scaled, or pasted,
        which takes about a second. Raises PictureError, ObjectStoreUnavailable, DatabaseUnavailable.
        """
        picture = open_picture(data, max_pixels=self.max_pixels)
        image, anchors = Image.fromarray(picture.rgb), self.anchors()
        mark = None if self.keys is None else detect(image, self.keys, searched=searched)
        own = _in_file(data, picture, anchors)
        match = self._match(image, mark, own)
        found = own or self._on_record(data, picture, anchors, match)
        said = FoundMark(mark.id, mark.key_id, match.shape if match else None) if mark else None
        facts = Facts(self.keys is not None, said, found, match is not None, match.fits if match else None)
        return Detection(
            size=image.size,
            made_here=origin_here(facts),
            suspect=suspicion(facts),
            mark=said,
            credentials=found,
            origin=None if match is None or suspicion(facts) else _origin(match.known, tenant_id),
            repainted=tuple(_repainted(image.size, match, facts)),
            sentences=sentences(facts),
        )

    def _match(self, image: Image.Image, mark: Mark | None, own: FoundCredentials | None) -> Match | None:
        """Of the recorded pictures that this one says to be, the one that it is most like."""
        if mark is not None:
            candidates = self.marks.find(mark.id, mark.key_id)
        elif own is not None and own.content.signed_here and own.content.watermark_id is not None:
            candidates = self.marks.find(own.content.watermark_id)
        else:
            return None
        looks = pdq(image)
        return max(
            (_compared(image, looks, known, mark) for known in candidates), key=lambda match: match.rank, default=None
        )

    def _on_record(
        self, data: bytes, picture: Picture, anchors: str | None, match: Match | None
    ) -> FoundCredentials | None:
        """The credentials that the file has lost, where its mark leads to them."""
        if match is None or match.fits is False:
            return None
        record = match.known.record
        try:
            stored = self.objects.get(record.manifest_key)
        except ObjectMissing:
            return None
        if hashlib.sha256(stored).hexdigest() != record.manifest_sha256:
            log.warning("stored_manifest_changed", key=record.manifest_key)
            return None
        try:
            return _credentials("record", credentials.read(data, picture.content_type, anchors, stored))
        except CredentialsError as error:
            log.warning("stored_manifest_unreadable", key=record.manifest_key, error=str(error))
            return None


def _in_file(data: bytes, picture: Picture, anchors: str | None) -> FoundCredentials | None:
    try:
        return _credentials("file", credentials.read(data, picture.content_type, anchors))
    except CredentialsError:
        return None


def _credentials(found_in: Literal["file", "record"], content: Credentials | None) -> FoundCredentials | None:
    return None if content is None else FoundCredentials(found_in, content)


def _compared(image: Image.Image, looks: Pdq, known: KnownMark, mark: Mark | None) -> Match:
    record, tries = known.record, list[Placement | None]()
    kept, size = Fingerprint.from_dict(record.fingerprint), (record.width, record.height)
    if mark is not None:
        view = as_marked(image, mark.lattice, size)
        tries.append(place(view.image, kept, size, [view.scale]))
        if tries[0] is not None and tries[0].fits:
            return Match(known, True, tries[0], view)
    if _is_copy(looks, kept):
        return Match(known, True, Placement(1.0, 0.0, 0.0, 0.0, image.width, image.height))
    # A mark may lie askew on what it was copied onto, and without one nothing is known of the size.
    tries.append(place(image, kept, size, spread(_SMALLEST_SCALE, _LARGEST_SCALE)))
    if tries[-1] is not None and tries[-1].fits:
        return Match(known, True, tries[-1])
    # Of many sizes one is always a little like it by chance: where the mark lies counts, if there is one.
    strange = tries[0] is not None and tries[0].fits is False
    return Match(known, False if strange else None, tries[-1])


def _is_copy(looks: Pdq, kept: Fingerprint) -> bool:
    """Whether the whole picture is a copy of the recorded one; False says nothing, as it may have been cut."""
    plain = min(looks.quality, kept.pdq_quality) < MIN_QUALITY
    return not plain and distance(looks.hex, kept.pdq) <= MAX_DISTANCE


def _origin(known: KnownMark, tenant_id: str | None) -> Origin:
    own = known.tenant_id == tenant_id
    model = {name: known.model.get(name) for name in ("name", "sha256")}
    made_at = known.created_at
    return Origin(made_at, model, known.job_id, known.record.image_index) if own else Origin(made_at, model)


def _repainted(size: tuple[int, int], match: Match | None, facts: Facts) -> Iterator[Box]:
    if facts.proven and facts.credentials is not None:
        box = facts.credentials.content.mask_box
    elif match is not None and match.fits and match.placement is not None:
        box = _carried(match.known, match.placement, match.view, size)
    else:
        box = None
    if box is not None:
        yield box


def _carried(known: KnownMark, placement: Placement, view: View | None, size: tuple[int, int]) -> Box | None:
    """The repainted box of the recorded picture, in pixels of the examined one of `size`."""
    box, its_size = known.record.mask_box, (known.record.width, known.record.height)
    if view is None:
        return placement.box(box, its_size, size)
    seen = placement.box(box, its_size, view.image.size)
    return None if seen is None else view.box(seen, size)
