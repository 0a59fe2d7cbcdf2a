"""Bytes in a bucket of any server that speaks S3."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, TypeVar

import boto3
from botocore.auth import AUTH_TYPE_MAPS, SIGV4_TIMESTAMP, S3SigV4Auth
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from storage.errors import ObjectMissing, ObjectStoreUnavailable
from storage.object_store import Entry, UploadLink
from storage.settings import StorageSettings

T = TypeVar("T")
_SKEW, _SAME_TIME = "inpaintd_skew", timedelta(minutes=1)


class _StoreClock:
    """How far this machine's clock is from the store's. S3 refuses what was signed more than 15 minutes off."""

    def __init__(self, client: Any) -> None:
        self._skew = timedelta(0)
        client.meta.events.register("before-sign.s3", self._tell)
        client.meta.events.register_first("needs-retry.s3", self._learn)

    def _tell(self, request: Any, **_: Any) -> None:
        request.context[_SKEW] = self._skew

    def _learn(self, response: Any, request_dict: Any, **_: Any) -> int | None:
        """After a refusal by a store whose clock differs from the one that was signed by: 0, try again at once."""
        # Stores differ in the status and the code of this refusal; their answers all tell the time.
        if response is None or response[0].status_code < HTTPStatus.BAD_REQUEST or "date" not in response[0].headers:
            return None
        self._skew = parsedate_to_datetime(response[0].headers["date"]) - datetime.now(UTC)
        signed = request_dict["context"].get(_SKEW, timedelta(0))
        return 0 if abs(self._skew - signed) > _SAME_TIME else None


class _ByStoreClock(S3SigV4Auth):
    """S3's signature, dated by the store's clock."""

    def _modify_request_before_signing(self, request: Any) -> None:
        now = datetime.now(UTC) + request.context.get(_SKEW, timedelta(0))
        request.context["timestamp"] = now.strftime(SIGV4_TIMESTAMP)
        super()._modify_request_before_signing(request)  # type: ignore[misc]  # missing in the stubs


AUTH_TYPE_MAPS["s3v4"] = _ByStoreClock


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
            verify=None if settings.s3_ca is None else str(settings.s3_ca),
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
        _StoreClock(self._client)

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Stores `data` under `key`. Raises ObjectStoreUnavailable."""
        place = {"Bucket": self._bucket, "Key": self._prefix + key}
        _call(lambda: self._client.put_object(**place, Body=data, ContentType=content_type))

    def get(self, key: str) -> bytes:
        """The bytes under `key`. Raises ObjectMissing, ObjectStoreUnavailable."""
        place = {"Bucket": self._bucket, "Key": self._prefix + key}
        data: bytes = _call(lambda: self._client.get_object(**place)["Body"].read())
        return data

    def size(self, key: str) -> int:
        """How many bytes lie under `key`. Raises ObjectMissing, ObjectStoreUnavailable."""
        place = {"Bucket": self._bucket, "Key": self._prefix + key}
        size: int = _call(lambda: self._client.head_object(**place)["ContentLength"])
        return size

    def delete(self, key: str) -> None:
        """Removes `key` if it is there. Raises ObjectStoreUnavailable."""
        try:
            _call(lambda: self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key))
        except ObjectMissing:
            return

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Every object in the folder `prefix`, a page of the bucket's listing at a time."""
        paginator = self._client.get_paginator("list_objects_v2")
        pages = iter(paginator.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix))
        while (page := _call(lambda: next(pages, None))) is not None:
            for found in page.get("Contents", []):
                yield Entry(found["Key"].removeprefix(self._prefix), found["LastModified"].astimezone(UTC))

    def presign(self, key: str, seconds: int) -> str | None:
        """A link that reads `key` for `seconds`."""
        place = {"Bucket": self._bucket, "Key": self._prefix + key}
        link: str = self._client.generate_presigned_url("get_object", Params=place, ExpiresIn=seconds)
        return link

    def presign_upload(self, key: str, seconds: int, *, size: int, sha256: str | None) -> UploadLink | None:
        """A link that writes exactly `size` bytes: the length is one of the headers that are signed."""
        place: dict[str, Any] = {"Bucket": self._bucket, "Key": self._prefix + key, "ContentLength": size}
        headers = {}
        if sha256 is not None:
            place["ChecksumSHA256"] = base64.b64encode(bytes.fromhex(sha256)).decode()
            headers["x-amz-checksum-sha256"] = place["ChecksumSHA256"]
        return UploadLink(self._client.generate_presigned_url("put_object", Params=place, ExpiresIn=seconds), headers)

    @property
    def prefix(self) -> str:
        """What stands before every key: empty, or a path with a slash at its end."""
        return self._prefix

    def lifecycle(self) -> list[dict[str, Any]]:
        """The lifecycle rules of the whole bucket. Raises ObjectStoreUnavailable, also where a server knows none."""
        try:
            answer = self._client.get_bucket_lifecycle_configuration(Bucket=self._bucket)
        except ClientError as problem:
            if problem.response.get("Error", {}).get("Code") == "NoSuchLifecycleConfiguration":
                return []
            raise ObjectStoreUnavailable(f"the object store tells no lifecycle rules: {problem}") from problem
        if "Rules" not in answer:
            raise ObjectStoreUnavailable("the object store knows no lifecycle rules; leave erasing to the keeper")
        return list(answer["Rules"])

    def set_lifecycle(self, rules: list[dict[str, Any]]) -> None:
        """Replaces the lifecycle rules of the whole bucket. Raises ObjectStoreUnavailable."""
        wanted = {"Bucket": self._bucket, "LifecycleConfiguration": {"Rules": rules}}
        _call(lambda: self._client.put_bucket_lifecycle_configuration(**wanted))

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
