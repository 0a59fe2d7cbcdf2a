"""The pictures of an order: fetched, checked, and kept only if the job is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import structlog

from producer.errors import Refusal
from producer.fetching import Fetcher
from producer.order import FileRef, Source, UrlRef
from producer.recent_files import RecentFiles
from safety.marking import refused_below
from safety.marking_schema import Marking
from storage.errors import DatabaseUnavailable, FileMissing, ObjectMissing
from storage.file_store import FileStore, StoredFile
from storage.object_store import ObjectStore
from storage.params import InpaintParams
from storage.picture_facts import PictureFacts, check_facts
from storage.pictures import PictureError, open_picture

log = structlog.get_logger(__name__)

_Near = bytes | FileRef


@dataclass(frozen=True, slots=True)
class Input:
    """One encoded picture: the SHA-256 of its bytes in hex, and how to read them.

    `held` of its bytes are in memory: all, or none of an uploaded file, of which `file_id` is the id. `key` is its
    place in the object store, None until it is stored.
    """

    sha256: str
    read: Callable[[], bytes] = field(repr=False)
    held: int = 0
    key: str | None = None
    file_id: str | None = None

    @classmethod
    def of(cls, data: bytes) -> Input:
        """A picture whose bytes are here."""
        return cls(hashlib.sha256(data).hexdigest(), lambda: data, len(data))

    @property
    def stored_key(self) -> str:
        """The key of a stored input. Raises ValueError before it is stored."""
        if self.key is None:
            raise ValueError("this input is not stored yet: use it inside InputShelf.keeping()")
        return self.key


@dataclass(frozen=True, slots=True)
class Inputs:
    """Image and mask of one order; no mask where the image's alpha is the mask."""

    image: Input
    mask: Input | None


@dataclass(slots=True)
class Kept:
    """Stored inputs; they are removed again unless they are `wanted` at the end."""

    inputs: Inputs
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class InputShelf:
    """Fetches and checks the pictures of orders, and puts them where the worker finds them."""

    files: FileStore
    objects: ObjectStore
    max_pixels: int
    marking: Marking
    fetcher: Fetcher
    recent: RecentFiles

    def take(self, tenant_id: str, image: Source, mask: Source | None, params: InpaintParams) -> Inputs:
        """Both pictures, checked as the worker will check them; nothing is stored yet.

        Raises Refusal for a missing file, a URL that cannot be fetched or a picture that cannot be used, LimitReached
        where the tenant fetches too much at once, ObjectStoreUnavailable.
        """
        near_image, near_mask = self._fetched(tenant_id, image, mask)
        inputs = Inputs(
            self._read(tenant_id, near_image, "image"),
            None if near_mask is None else self._read(tenant_id, near_mask, "mask"),
        )
        self.check(inputs, params)
        return inputs

    def read(self, tenant_id: str, source: Source, field: str) -> Input:
        """One picture of an order, unchecked. Raises as `take`."""
        if isinstance(source, UrlRef):
            with self.fetcher.visit(tenant_id) as visit:
                return Input.of(visit.fetch(source.url, field))
        return self._read(tenant_id, source, field)

    def check(self, inputs: Inputs, params: InpaintParams) -> None:
        """Raises Refusal for pictures that cannot be used, as the worker would find."""
        image = self._facts(inputs.image, "image")
        mask = None if inputs.mask is None else self._facts(inputs.mask, "mask")
        try:
            check_facts(image, mask, params)
        except PictureError as error:
            raise Refusal.of_field(error.field, error.code, error.message) from error
        self._refuse_unmarkable(image.width, image.height)

    @contextmanager
    def keeping(self, tenant_id: str, job_id: str, inputs: Inputs) -> Iterator[Kept]:
        """Stores what is not stored yet for the time of the block, and for good unless the block surely fails.

        The keys carry the job's id, so that what was left behind by a death can be told from what is needed.
        """
        kept = Kept(self.as_if_kept(tenant_id, job_id, inputs))
        new = missing(inputs, kept.inputs)
        keys = [picture.stored_key for picture in new]
        try:
            self.put(new)
            yield kept
        except DatabaseUnavailable:
            raise  # the job may be stored all the same, and then it must find its pictures
        except BaseException:
            self.drop(keys)
            raise
        if not kept.wanted:
            self.drop(keys)

    def put(self, pictures: Sequence[Input]) -> None:
        """Stores pictures in their places. Raises ObjectStoreUnavailable."""
        for picture in pictures:
            # Never served as it is, so no browser needs to know what it is.
            self.objects.put(picture.stored_key, picture.read(), "application/octet-stream")

    def drop(self, keys: Sequence[str]) -> None:
        """Removes them again, by their places, as far as that is possible. Never raises."""
        for key in keys:
            try:
                self.objects.delete(key)
            except Exception:
                # The error on its way to the caller says more than this one would.
                log.exception("input_left_behind", key=key)

    def as_if_kept(self, tenant_id: str, job_id: str, inputs: Inputs) -> Inputs:
        """`inputs` with the keys that they have once they are stored; nothing is stored."""
        folder = f"inputs/{tenant_id}/{job_id}"
        image = replace(inputs.image, key=inputs.image.key or f"{folder}/image")
        mask = inputs.mask and replace(inputs.mask, key=inputs.mask.key or f"{folder}/mask")
        return Inputs(image, mask)

    def _fetched(self, tenant_id: str, image: Source, mask: Source | None) -> tuple[_Near, _Near | None]:
        """Both sources, with the bytes behind their URLs."""
        if not isinstance(image, UrlRef) and not isinstance(mask, UrlRef):
            return image, mask
        with self.fetcher.visit(tenant_id) as visit:
            return (
                visit.fetch(image.url, "image") if isinstance(image, UrlRef) else image,
                visit.fetch(mask.url, "mask") if isinstance(mask, UrlRef) else mask,
            )

    def _read(self, tenant_id: str, source: _Near, field: str) -> Input:
        if isinstance(source, bytes):
            return Input.of(source)
        try:
            stored = self.recent.file(source.id, tenant_id) or self.recent.keep(self.files.get(source.id, tenant_id))
        except FileMissing:
            raise _file_not_found(source.id, field) from None
        return Input(stored.sha256, partial(self._bytes, stored, field), key=stored.key, file_id=stored.id)

    def _bytes(self, stored: StoredFile, field: str) -> bytes:
        try:
            return self.objects.get(stored.key)
        except ObjectMissing:
            raise _file_not_found(stored.id, field) from None

    def _facts(self, picture: Input, field: str) -> PictureFacts:
        """Of an uploaded file they are known once it was looked at. Raises Refusal for what cannot be decoded."""
        known = None if picture.file_id is None else self.recent.facts.get((picture.file_id, field))
        if known is not None:
            return known
        try:
            opened = open_picture(picture.read(), as_mask=field == "mask", max_pixels=self.max_pixels)
        except PictureError as error:
            raise Refusal.of_field(error.field, error.code, error.message) from error
        facts = PictureFacts.of(opened)
        return facts if picture.file_id is None else self.recent.facts.put((picture.file_id, field), facts)

    def _refuse_unmarkable(self, width: int, height: int) -> None:
        # Where no result may leave unmarked, painting a picture that cannot carry the mark would be for nothing.
        least = refused_below(self.marking)
        if min(width, height) < least:
            message = f"The image is {width}x{height} pixels; each side must have {least} or more to carry a mark."
            raise Refusal.of_field("image", "image_too_small", message)


def missing(before: Inputs, after: Inputs) -> list[Input]:
    """Those pictures of `after` that had no place in `before`, so that their bytes are nowhere yet."""
    pairs = ((before.image, after.image), (before.mask, after.mask))
    return [new for old, new in pairs if old is not None and new is not None and old.key is None]


def _file_not_found(file_id: str, field: str) -> Refusal:
    message = f"There is no file {file_id}: upload it or complete its upload, and use its id."
    return Refusal.of_field(field, "file_not_found", message)
