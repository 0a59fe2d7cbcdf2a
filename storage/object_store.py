"""Bytes, under keys: one protocol for a local folder, which is here, and any S3-compatible bucket."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from storage.errors import ObjectMissing, ObjectStoreUnavailable
from storage.settings import StorageSettings, folder_of


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored object: its key, and when the store last took bytes for it, by the store's own clock, in UTC."""

    key: str
    modified: datetime


@dataclass(frozen=True, slots=True)
class UploadLink:
    """Where to PUT the bytes of an object, and the headers that must be sent with them."""

    url: str
    headers: dict[str, str]


class ObjectStore(Protocol):
    """What the house needs of a place for bytes. Keys are relative, with `/` between parts."""

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Stores `data`, whole or not at all. Raises ObjectStoreUnavailable."""

    def get(self, key: str) -> bytes:
        """The bytes under `key`. Raises ObjectMissing, ObjectStoreUnavailable."""

    def size(self, key: str) -> int:
        """How many bytes lie under `key`. Raises ObjectMissing, ObjectStoreUnavailable."""

    def delete(self, key: str) -> None:
        """Removes `key`; nothing happens if it is absent. Raises ObjectStoreUnavailable."""

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Every object in the folder `prefix`, which ends in `/` or is empty for all; in no order that counts.

        Streams: a store of millions never lies in memory. An object that comes or goes meanwhile may be missed.
        Raises ObjectStoreUnavailable.
        """

    def presign(self, key: str, seconds: int) -> str | None:
        """A link that reads `key` for `seconds`, or None where the store cannot give one."""

    def presign_upload(self, key: str, seconds: int, *, size: int, sha256: str | None) -> UploadLink | None:
        """A link that writes exactly `size` bytes under `key` for `seconds`, or None where the store has none.

        Stores that check it hold the bytes against `sha256` (hex) as well.
        """

    def ping(self) -> None:
        """Raises ObjectStoreUnavailable when the store cannot be used."""


def open_object_store(settings: StorageSettings) -> ObjectStore:
    """The store that INPAINTD_OBJECTS names."""
    if settings.objects.startswith("file:///"):
        return LocalObjectStore(folder_of(settings.objects))
    # Not above: it brings boto3, which whoever stores in a folder does without.
    from storage.s3_object_store import S3ObjectStore

    return S3ObjectStore(settings)


class LocalObjectStore:
    """A folder. Every write goes to a temporary name first and is flushed before it is renamed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._temporary = folder / ".tmp"
        self._temporary.mkdir(parents=True, exist_ok=True)

    def put(self, key: str, data: bytes, content_type: str) -> None:  # noqa: ARG002  (a folder keeps no media types)
        """Stores `data` under `key`, atomically and durably. Raises ObjectStoreUnavailable, as with a full disk."""
        path = self._path(key)
        temporary = self._temporary / secrets.token_hex(16)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as problem:
            temporary.unlink(missing_ok=True)
            raise ObjectStoreUnavailable(f"{self._folder} cannot be written: {problem.strerror}") from problem

    def get(self, key: str) -> bytes:
        """The bytes under `key`. Raises ObjectMissing."""
        try:
            return self._path(key).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise ObjectMissing(f"no object {key}") from None

    def size(self, key: str) -> int:
        """How many bytes lie under `key`. Raises ObjectMissing."""
        path = self._path(key)
        if not path.is_file():
            raise ObjectMissing(f"no object {key}")
        return path.stat().st_size

    def delete(self, key: str) -> None:
        """Removes `key` if it is there."""
        self._path(key).unlink(missing_ok=True)

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Every object in the folder `prefix`. Raises ObjectStoreUnavailable."""
        try:
            root = self._folder.resolve()
            for path, modified in _files(self._path(prefix) if prefix else root, skip=self._temporary.name):
                yield Entry(Path(path).relative_to(root).as_posix(), datetime.fromtimestamp(modified, UTC))
        except OSError as problem:
            raise ObjectStoreUnavailable(f"{self._folder} cannot be read: {problem.strerror}") from problem

    def presign(self, key: str, seconds: int) -> str | None:  # noqa: ARG002
        """None: a folder has no links."""
        return None

    def presign_upload(self, key: str, seconds: int, *, size: int, sha256: str | None) -> UploadLink | None:  # noqa: ARG002
        """None: a folder has no links."""
        return None

    def ping(self) -> None:
        """Raises ObjectStoreUnavailable when the folder cannot be written."""
        if not os.access(self._temporary, os.W_OK):
            raise ObjectStoreUnavailable(f"the folder {self._folder} cannot be written; check it and its owner")

    def _path(self, key: str) -> Path:
        path = (self._folder / key).resolve()
        if not path.is_relative_to(self._folder.resolve()) or path == self._folder.resolve():
            raise ValueError(f"the key {key!r} leads out of the store")
        return path


def _files(folder: Path | str, skip: str = "") -> Iterator[tuple[str, float]]:
    """Path and time of each file below `folder`; files and folders that vanish meanwhile are passed over."""
    # Neither Path.walk nor rglob: they read a whole folder before they hand out its first file.
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as found:
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                if entry.name != skip:
                    yield from _files(entry.path)
            elif (modified := _modified(entry)) is not None:
                yield entry.path, modified


def _modified(entry: os.DirEntry[str]) -> float | None:
    try:
        return entry.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return None
