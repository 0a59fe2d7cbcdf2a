"""Bytes, under keys: in a local folder or in any S3-compatible bucket, behind one protocol."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from storage.errors import ObjectMissing, ObjectStoreUnavailable
from storage.settings import StorageSettings, folder_of

T = TypeVar("T")


class ObjectStore(Protocol):
    """What the house needs of a place for bytes. Keys are relative, with `/` between parts."""

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Stores `data`, whole or not at all. Raises ObjectStoreUnavailable."""

    def get(self, key: str) -> bytes:
        """The bytes under `key`. Raises ObjectMissing, ObjectStoreUnavailable."""

    def delete(self, key: str) -> None:
        """Removes `key`; nothing happens if it is absent. Raises ObjectStoreUnavailable."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Every key that starts with `prefix`, in order."""

    def presign(self, key: str, seconds: int) -> str | None:
        """A link that reads `key` for `seconds`, or None where the store cannot give one."""

    def ping(self) -> None:
        """Raises ObjectStoreUnavailable when the store cannot be used."""


def open_object_store(settings: StorageSettings) -> ObjectStore:
    """The store that INPAINTD_OBJECTS names."""
    if settings.objects.startswith("file:///"):
        return LocalObjectStore(folder_of(settings.objects))
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

    def delete(self, key: str) -> None:
        """Removes `key` if it is there."""
        self._path(key).unlink(missing_ok=True)

    def keys(self, prefix: str) -> Iterator[str]:
        """Every key that starts with `prefix`, in order."""
        names = (path.relative_to(self._folder).as_posix() for path in self._folder.rglob("*") if path.is_file())
        return iter(sorted(name for name in names if name.startswith(prefix) and not name.startswith(".tmp/")))

    def presign(self, key: str, seconds: int) -> str | None:  # noqa: ARG002
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


class S3ObjectStore:
    """A bucket, with an optional prefix before every key."""

    def __init__(self, settings: StorageSettings) -> None:
        self._bucket, _, prefix = settings.objects.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=settings.s3_endpoint,
            region_name=settings.s3_region,
            aws_access_key_id=settings.s3_access_key,
            aws_secret_access_key=settings.s3_secret_key,
            config=Config(
                signature_version="s3v4",
                connect_timeout=3,
                read_timeout=15,
                retries={"max_attempts": 4, "mode": "standard"},
                # Other servers than Amazon's know neither virtual hosts nor the newer checksums.
                s3={"addressing_style": "path"} if settings.s3_endpoint else {},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                max_pool_connections=32,
            ),
        )

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Stores `data` under `key`. Raises ObjectStoreUnavailable."""
        place = {"Bucket": self._bucket, "Key": self._prefix + key}
        _call(lambda: self._client.put_object(**place, Body=data, ContentType=content_type))

    def get(self, key: str) -> bytes:
        """The bytes under `key`. Raises ObjectMissing, ObjectStoreUnavailable."""
        place = {"Bucket": self._bucket, "Key": self._prefix + key}
        data: bytes = _call(lambda: self._client.get_object(**place)["Body"].read())
        return data

    def delete(self, key: str) -> None:
        """Removes `key` if it is there. Raises ObjectStoreUnavailable."""
        try:
            _call(lambda: self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key))
        except ObjectMissing:
            return

    def keys(self, prefix: str) -> Iterator[str]:
        """Every key that starts with `prefix`, in order. Raises ObjectStoreUnavailable."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + prefix
        )
        for page in _call(lambda: list(pages)):
            for entry in page.get("Contents", []):
                yield entry["Key"].removeprefix(self._prefix)

    def presign(self, key: str, seconds: int) -> str | None:
        """A link that reads `key` for `seconds`."""
        place = {"Bucket": self._bucket, "Key": self._prefix + key}
        link: str = self._client.generate_presigned_url("get_object", Params=place, ExpiresIn=seconds)
        return link

    def ping(self) -> None:
        """Raises ObjectStoreUnavailable when the bucket does not answer or is not there."""
        try:
            _call(lambda: self._client.head_bucket(Bucket=self._bucket))
        except ObjectMissing:
            raise ObjectStoreUnavailable(f"there is no bucket {self._bucket}; create it first") from None


def _call(request: Callable[[], T]) -> T:
    try:
        return request()
    except ClientError as problem:
        if problem.response.get("Error", {}).get("Code") in {"NoSuchKey", "404", "NotFound"}:
            raise ObjectMissing(str(problem)) from problem
        raise ObjectStoreUnavailable(f"the object store refused: {problem}") from problem
    except (BotoCoreError, OSError) as problem:
        raise ObjectStoreUnavailable(f"the object store did not answer: {problem}") from problem
