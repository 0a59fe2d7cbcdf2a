"""Both object stores, one set of expectations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.errors import ObjectMissing, ObjectStoreUnavailable
from storage.object_store import LocalObjectStore, ObjectStore, open_object_store
from storage.settings import StorageSettings


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
    assert list(objects.keys("results/")) == ["results/a/1", "results/b/1"]
    assert list(objects.keys("nothing/")) == []


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
