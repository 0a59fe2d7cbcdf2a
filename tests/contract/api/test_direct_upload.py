"""Files that are announced first and sent past the API, to a folder and to a real S3 server: the same steps."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from producer.client import Client
from producer.client.errors import ServiceRefused
from storage import upload_store
from tests.contract.api.serving import Stack, Tenant, mask, photo, running
from tests.contract.api.test_bad_input import refused
from tests.objects import keys

MAX_BYTES = 100_000


@pytest.fixture(scope="module", params=["folder", "s3"])
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A server on either kind of object store."""
    s3 = request.getfixturevalue("s3_server") if request.param == "s3" else None
    with running(tmp_path_factory.mktemp("direct"), s3=s3, max_body_bytes=MAX_BYTES) as stack:
        yield stack


def announced(tenant: Tenant, data: bytes, **changes: Any) -> dict[str, Any]:
    """The upload that was opened for `data`."""
    body = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest(), **changes}
    answer = tenant.http.post("/v1/files/presign", json={k: v for k, v in body.items() if v is not ...})
    assert answer.status_code == 201, answer.text
    upload: dict[str, Any] = answer.json()
    return upload


def put(tenant: Tenant, upload: dict[str, Any], data: bytes) -> httpx.Response:
    """Sends the bytes as the answer says: without a key to an absolute URL, with it to a relative one."""
    if upload["url"].startswith("/"):
        return tenant.http.put(upload["url"], content=data, headers=upload["headers"])
    return httpx.put(upload["url"], content=data, headers=upload["headers"])


def complete(tenant: Tenant, upload: dict[str, Any]) -> httpx.Response:
    return tenant.http.post(upload["complete"])


def stored(tenant: Tenant) -> tuple[int, int]:
    """Objects of the tenant that jobs may use, and those that were not checked yet."""
    objects = tenant.stack.services.objects
    return len(keys(objects, f"inputs/{tenant.id}/")), len(keys(objects, f"uploads/{tenant.id}/"))


def bomb() -> bytes:
    """A PNG of some hundred bytes whose header claims 900 megapixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    return photo()[:8] + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)) + photo()[33:]


@pytest.mark.parametrize("known", [{}, {"sha256": ...}, {"content_type": "image/png"}], ids=["hash", "size", "all"])
def test_what_was_sent_directly_is_a_file_once_completed(tenant: Tenant, known: dict[str, Any]) -> None:
    upload = announced(tenant, photo(), **known)
    assert upload["object"] == "upload"
    left = datetime.fromisoformat(upload["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=10) < left <= timedelta(minutes=16)
    assert tenant.http.get("/v1/files").json()["data"] == []
    refused(tenant.submit(image=upload["id"]), 422, "file_not_found", "image")

    assert put(tenant, upload, photo()).is_success
    assert stored(tenant) == (0, 1)
    answer = complete(tenant, upload)
    file = answer.json()
    assert (answer.status_code, file["object"], file["id"]) == (200, "file", upload["id"])
    assert (file["width"], file["height"], file["size"]) == (96, 64, len(photo()))
    assert file["sha256"] == hashlib.sha256(photo()).hexdigest()
    assert stored(tenant) == (1, 0)
    assert complete(tenant, upload).json() == file, "safe to repeat"
    assert tenant.http.get("/v1/files").json()["data"] == [file]
    assert tenant.submit(image=file["id"]).status_code == 202


def test_a_link_that_still_writes_does_not_change_the_file(tenant: Tenant) -> None:
    other = photo(mode="L")
    data = photo().ljust(max(len(photo()), len(other)), b"\0")
    upload = announced(tenant, data, sha256=...)
    assert put(tenant, upload, data).is_success
    file = complete(tenant, upload).json()
    put(tenant, upload, other.ljust(len(data), b"\0"))
    (key,) = keys(tenant.stack.services.objects, f"inputs/{tenant.id}/")
    assert tenant.stack.services.objects.get(key) == data
    assert complete(tenant, upload).json() == file


@pytest.mark.parametrize("sent", [photo() + b"\0", photo()[:-1], b""], ids=["more", "less", "nothing"])
def test_other_than_the_announced_number_of_bytes_is_not_taken(tenant: Tenant, sent: bytes) -> None:
    upload = announced(tenant, photo(), sha256=...)
    assert put(tenant, upload, sent).status_code in (403, 422)
    refused(complete(tenant, upload), 409, "upload_missing")
    assert stored(tenant) == (0, 0)


@pytest.mark.parametrize(
    ("data", "changes", "field", "code"),
    [
        (photo(), {"sha256": "0" * 64}, "sha256", "upload_mismatch"),
        (photo(), {"content_type": "image/webp"}, "content_type", "upload_mismatch"),
        (b"<svg onload=alert(1)>", {}, "file", "image_type_unsupported"),
        (photo()[:-30], {}, "file", "image_truncated"),
        (bomb(), {}, "file", "image_too_large"),
    ],
    ids=["other bytes", "other type", "no picture", "half a picture", "bomb"],
)
def test_what_is_not_as_announced_or_no_picture_is_dropped_and_may_be_sent_again(
    tenant: Tenant, data: bytes, changes: dict[str, str], field: str, code: str
) -> None:
    upload = announced(tenant, data, **changes)
    for _ in range(2):
        put(tenant, upload, data)
        refused(complete(tenant, upload), 422, code, field)
        assert stored(tenant) == (0, 0)
    assert tenant.http.get("/v1/files").json()["data"] == []


def test_a_store_that_took_more_than_was_announced_is_not_read(tenant: Tenant) -> None:
    upload = announced(tenant, photo())
    tenant.stack.services.objects.put(f"uploads/{tenant.id}/{upload['id']}", photo() * 2, "image/png")
    refused(complete(tenant, upload), 422, "upload_mismatch", "size")


def test_completed_by_many_at_once_it_is_one_file(tenant: Tenant) -> None:
    upload = announced(tenant, photo())
    put(tenant, upload, photo())
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: complete(tenant, upload), range(4)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert stored(tenant) == (1, 0)


def test_an_upload_is_given_up(tenant: Tenant) -> None:
    upload = announced(tenant, photo())
    put(tenant, upload, photo())
    assert tenant.http.delete(f"/v1/files/{upload['id']}").status_code == 204
    assert stored(tenant) == (0, 0)
    refused(complete(tenant, upload), 404, "file_unknown")


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "size", "field_missing"),
        ({"size": 0}, "size", "out_of_range"),
        ({"size": MAX_BYTES + 1}, "size", "out_of_range"),
        ({"size": "7"}, "size", "wrong_type"),
        ({"size": 7, "sha256": "ABC"}, "sha256", "wrong_format"),
        ({"size": 7, "content_type": "image/gif"}, "content_type", "not_a_choice"),
        ({"size": 7, "name": "a.png"}, "name", "field_unknown"),
    ],
)
def test_what_cannot_be_announced(tenant: Tenant, body: dict[str, Any], field: str, code: str) -> None:
    refused(tenant.http.post("/v1/files/presign", json=body), 422, code, field)


def test_a_tenant_has_a_bounded_number_of_open_uploads(
    tenant: Tenant, stranger: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_store, "MAX_OPEN", 2)
    first = announced(tenant, photo())
    announced(tenant, photo())
    limited = tenant.http.post("/v1/files/presign", json={"size": 1})
    refused(limited, 429, "too_many_requests")
    assert int(limited.headers["retry-after"]) > 0
    announced(stranger, photo())
    tenant.http.delete(f"/v1/files/{first['id']}")
    announced(tenant, photo())


def test_the_client_sends_directly_with_one_word(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:1")
    with Client(tenant.stack.url, tenant.key) as client:
        image, cover = client.upload(photo(), direct=True), client.upload(mask(), direct=True)
        assert client.submit(image["id"], cover["id"], "a red circle")["status"] == "queued"
        with pytest.raises(ServiceRefused) as caught:
            client.upload(b"no picture", direct=True)
    assert caught.value.code == "image_type_unsupported"
    assert stored(tenant) == (2, 0)
