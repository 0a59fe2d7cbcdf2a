"""Both object stores, one set of expectations."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.errors import ObjectMissing, ObjectStoreUnavailable
from storage.object_store import LocalObjectStore, ObjectStore, open_object_store
from storage.s3_object_store import S3ObjectStore
from storage.settings import StorageSettings
from tests.objects import keys


def test_what_was_put_comes_back_until_it_is_deleted(objects: ObjectStore) -> None:
    objects.put("results/job_1/1-a", b"\x00one\xff", "image/png")
    objects.put("results/job_1/1-a", b"two", "image/png")
    assert objects.get("results/job_1/1-a") == b"two"
    objects.delete("results/job_1/1-a")
    objects.delete("results/job_1/1-a")
    with pytest.raises(ObjectMissing):
        objects.get("results/job_1/1-a")


def test_keys_lists_a_prefix_and_nothing_else(objects: ObjectStore) -> None:
    for key in ("results/a/1", "results/b/1", "inputs/a/1"):
        objects.put(key, b"x", "image/png")
    assert keys(objects, "results/") == ["results/a/1", "results/b/1"]
    assert keys(objects, "nothing/") == []


def test_entries_tell_when_an_object_was_stored(objects: ObjectStore) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    objects.put("results/a/1", b"x", "image/png")
    objects.put("results/b", b"x", "image/png")
    objects.put("resultsandmore/c", b"x", "image/png")
    entries = {entry.key: entry.modified for entry in objects.entries("results/")}
    assert entries.keys() == {"results/a/1", "results/b"}
    assert all(before <= modified <= datetime.now(UTC) + timedelta(seconds=2) for modified in entries.values())


def test_entries_survive_what_is_deleted_meanwhile(objects: ObjectStore) -> None:
    for number in range(20):
        objects.put(f"results/{number}/1", b"x", "image/png")
    for entry in objects.entries("results/"):
        objects.delete(entry.key)
    assert keys(objects, "results/") == []


def test_half_written_files_of_a_folder_are_no_objects(tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path / "objects")
    (tmp_path / "objects" / ".tmp" / "half").write_bytes(b"x")
    store.put("results/a", b"x", "image/png")
    assert keys(store) == ["results/a"]


def test_a_bucket_is_listed_a_page_at_a_time(s3_settings: StorageSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    store = S3ObjectStore(s3_settings)
    keys = [f"results/{number}/1" for number in range(5)]
    for key in keys:
        store.put(key, b"x", "image/png")
    asked: list[str] = []
    paginator = store._client.get_paginator

    def small_pages(name: str) -> Any:
        pages = paginator(name)
        return SimpleNamespace(
            paginate=lambda **place: _counted(pages.paginate(**place, PaginationConfig={"PageSize": 2}), asked)
        )

    monkeypatch.setattr(store._client, "get_paginator", small_pages)
    entries = store.entries("results/")
    first = [next(entries).key, next(entries).key]
    assert len(asked) == 1
    assert sorted([*first, *(entry.key for entry in entries)]) == keys
    assert len(asked) == 3


def test_entries_of_a_dead_server_are_unavailable(s3_settings: StorageSettings) -> None:
    dead = open_object_store(replace(s3_settings, s3_endpoint="http://127.0.0.1:1"))
    with pytest.raises(ObjectStoreUnavailable, match="did not answer"):
        list(dead.entries("results/"))


def _counted(pages: Iterable[dict[str, Any]], asked: list[str]) -> Iterator[dict[str, Any]]:
    for page in pages:
        asked.append("page")
        yield page


def test_a_store_in_order_answers_a_ping(objects: ObjectStore) -> None:
    objects.ping()


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.binary(max_size=2000))
def test_any_bytes_survive(objects: ObjectStore, data: bytes) -> None:
    objects.put("any/bytes", data, "application/octet-stream")
    assert objects.get("any/bytes") == data


def test_a_presigned_link_reads_without_credentials(s3_settings: StorageSettings) -> None:
    store = open_object_store(s3_settings)
    store.put("results/x", b"pixels", "image/png")
    link = store.presign("results/x", 60)
    assert link is not None
    assert httpx.get(link).content == b"pixels"
    assert httpx.get(link.partition("?")[0]).status_code in (400, 401, 403)


def test_the_size_of_an_object_is_told_without_reading_it(objects: ObjectStore) -> None:
    objects.put("results/job_1/1-a", b"12345", "image/png")
    assert objects.size("results/job_1/1-a") == 5
    for key in ("results/job_1/1-b", "results/job_1"):
        with pytest.raises(ObjectMissing):
            objects.size(key)


def test_a_link_to_upload_takes_exactly_what_was_announced_and_for_its_key_alone(s3_settings: StorageSettings) -> None:
    store = open_object_store(s3_settings)
    data = b"pixels"
    link = store.presign_upload("uploads/t/x", 60, size=len(data), sha256=hashlib.sha256(data).hexdigest())
    assert link is not None
    assert base64.b64decode(link.headers["x-amz-checksum-sha256"]) == hashlib.sha256(data).digest()
    other = link.url.replace("uploads/t/x", "uploads/t/y")
    wrong = [(link.url, data + b"!"), (link.url, data[:-1]), (link.url, b""), (other, data)]
    wrong.append((link.url.partition("?")[0], data))
    for url, sent in wrong:
        assert httpx.put(url, content=sent, headers=link.headers).status_code in (400, 401, 403)
    assert keys(store, "uploads/") == []
    assert httpx.put(link.url, content=data, headers=link.headers).is_success
    assert store.get("uploads/t/x") == data
    bare = store.presign_upload("uploads/t/z", 60, size=len(data), sha256=None)
    assert bare is not None
    assert bare.headers == {}
    assert httpx.put(bare.url.replace("X-Amz-Expires=60", "X-Amz-Expires=6000"), content=data).status_code == 403


def test_a_missing_bucket_and_a_dead_server_are_told_apart_from_missing_objects(s3_settings: StorageSettings) -> None:
    elsewhere = open_object_store(replace(s3_settings, objects="s3://no-such-bucket"))
    with pytest.raises(ObjectStoreUnavailable, match="create it first"):
        elsewhere.ping()
    dead = open_object_store(replace(s3_settings, s3_endpoint="http://127.0.0.1:1"))
    with pytest.raises(ObjectStoreUnavailable, match="did not answer"):
        dead.get("results/x")


@pytest.mark.parametrize("key", ["../outside", "a/../../outside", "/etc/passwd", "", "."])
def test_no_key_leads_out_of_the_folder(tmp_path: Path, key: str) -> None:
    store = LocalObjectStore(tmp_path / "objects")
    with pytest.raises(ValueError, match="leads out"):
        store.put(key, b"x", "image/png")
    assert [path.name for path in tmp_path.iterdir()] == ["objects"]
