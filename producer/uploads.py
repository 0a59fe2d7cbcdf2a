"""Files that callers bring: in one request, or announced first and sent past the API."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from producer.errors import Refusal
from producer.recent_files import RecentFiles
from storage.errors import FileMissing, ObjectMissing
from storage.file_store import FileStore, StoredFile
from storage.object_store import ObjectStore, UploadLink
from storage.pictures import Picture, PictureError, open_picture
from storage.upload_store import Upload, UploadStore

LINK_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Opened:
    """An upload that may begin. `link` is None where the object store has none: then the API takes the bytes."""

    upload: Upload
    link: UploadLink | None

    @property
    def expires_at(self) -> datetime:
        """Until when the bytes may be sent."""
        return self.upload.created_at + timedelta(seconds=LINK_SECONDS)


@dataclass(frozen=True, slots=True)
class Uploads:
    """The way of bytes into files. For many threads."""

    files: FileStore
    store: UploadStore
    objects: ObjectStore
    max_bytes: int
    max_pixels: int
    recent: RecentFiles

    def take(self, tenant_id: str, data: bytes) -> StoredFile:
        """A file that came in one request. Raises Refusal for what is no picture."""
        picture = self._picture(data)
        return self.files.add(tenant_id, data, picture.content_type, width=picture.width, height=picture.height)

    def open(self, tenant_id: str, size: int, *, sha256: str | None, content_type: str | None) -> Opened:
        """A place for `size` bytes. Raises Refusal where they are too many, LimitReached for too many open uploads."""
        if size > self.max_bytes:
            raise Refusal.of_field("size", "out_of_range", f"It should be at most {self.max_bytes} bytes.")
        upload = self.store.open(tenant_id, size, sha256=sha256, content_type=content_type)
        return Opened(upload, self.objects.presign_upload(upload.key, LINK_SECONDS, size=size, sha256=sha256))

    def receive(self, file_id: str, tenant_id: str, data: bytes) -> None:
        """Takes the bytes of an open upload, again and again if need be. Raises FileMissing, Refusal."""
        upload = self.store.get(file_id, tenant_id)
        if len(data) != upload.size:
            raise _other("size", f"{len(data)} bytes were sent, {upload.size} announced")
        self.objects.put(upload.key, data, "application/octet-stream")

    def complete(self, file_id: str, tenant_id: str) -> StoredFile:
        """The file that an upload has become, once its bytes are as announced and a picture; safe to repeat.

        Raises FileMissing, and Refusal, after which the bytes are gone and may be sent again while the link is good.
        """
        try:
            return self._completed(self.store.get(file_id, tenant_id))
        except FileMissing:  # it was completed before, or by somebody else at this moment
            return self.files.get(file_id, tenant_id)

    def delete(self, file_id: str, tenant_id: str) -> None:
        """Removes a file, or gives an upload up. Raises FileMissing, FileInUse."""
        with contextlib.suppress(FileMissing):
            upload = self.store.get(file_id, tenant_id)
            if self.store.close(file_id, tenant_id):
                self.objects.delete(upload.key)
                return
        self.files.delete(file_id, tenant_id)
        self.recent.forget(file_id)

    def _completed(self, upload: Upload) -> StoredFile:
        try:
            stored = self._checked_in(upload, self._arrived(upload))
        except ObjectMissing:
            self.store.get(upload.id, upload.tenant_id)  # raises where the bytes went because they are a file now
            raise Refusal("upload_missing", f"Nothing has arrived for {upload.id} yet: PUT its bytes first.") from None
        except Refusal:
            self.objects.delete(upload.key)
            raise
        self.objects.delete(upload.key)
        return stored

    def _arrived(self, upload: Upload) -> bytes:
        # Looked at before it is read: not every store holds a link to its size.
        size = self.objects.size(upload.key)
        if size != upload.size:
            raise _other("size", f"{size} bytes arrived, {upload.size} were announced")
        return self.objects.get(upload.key)

    def _checked_in(self, upload: Upload, data: bytes) -> StoredFile:
        found = hashlib.sha256(data).hexdigest()
        if upload.sha256 not in (None, found):
            raise _other("sha256", f"the SHA-256 of what arrived is {found}")
        picture = self._picture(data)
        if upload.content_type not in (None, picture.content_type):
            raise _other("content_type", f"what arrived is {picture.content_type}")
        size = {"width": picture.width, "height": picture.height}
        return self.files.add(upload.tenant_id, data, picture.content_type, **size, upload_id=upload.id)

    def _picture(self, data: bytes) -> Picture:
        try:
            # Read with the freedom of a mask (16-bit grey): as which of the two it serves is known only at submit.
            return open_picture(data, as_mask=True, max_pixels=self.max_pixels)
        except PictureError as error:
            message = error.message.replace("The mask", "The file", 1)
            raise Refusal.of_field("file", error.code, message) from error


def _other(field: str, found: str) -> Refusal:
    return Refusal.of_field(field, "upload_mismatch", f"The upload is not what was announced: {found}.")
