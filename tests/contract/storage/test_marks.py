"""The record of marks, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from storage.database import Database
from storage.ids import new_id
from storage.mark import KnownMark, MarkRecord
from storage.mark_store import MarkStore
from storage.mark_tables import marks
from storage.retention_store import RetentionStore


@pytest.fixture
def store(database: Database) -> MarkStore:
    return MarkStore(database)


def record(mark_id: str, manifest_key: str, key_id: str = "k1") -> MarkRecord:
    return MarkRecord(mark_id, key_id, 0, 640, 480, (10, 20, 30, 40), {"pdq": "0" * 64}, manifest_key, "5" * 64)


def add(database: Database, mark: MarkRecord, **more: Any) -> None:
    its = {"id": new_id("mrk"), "tenant_id": "tnt_1", "job_id": "job_1", "model": {"name": "m"}, **more}
    with database.transaction() as connection:
        connection.execute(sa.insert(marks), [{**mark.values(), **its}])


def test_a_mark_is_found_with_all_that_was_recorded(database: Database, store: MarkStore) -> None:
    add(database, record("abcdef012", "manifests/a"))
    (found,) = store.find("abcdef012", "k1")
    assert found == KnownMark(record("abcdef012", "manifests/a"), "tnt_1", "job_1", {"name": "m"}, found.created_at)
    assert abs(datetime.now(UTC) - found.created_at) < timedelta(minutes=1)


def test_an_id_of_another_key_is_another_mark(database: Database, store: MarkStore) -> None:
    add(database, record("abcdef012", "manifests/a"))
    assert store.find("abcdef012", "k2") == store.find("abcdef013", "k1") == []


def test_pictures_that_share_an_id_by_chance_are_all_found_newest_first(database: Database, store: MarkStore) -> None:
    for key in ("manifests/a", "manifests/b"):
        add(database, record("abcdef012", key))
    for found in (store.find("abcdef012", "k1"), store.find("abcdef012")):
        assert [known.record.manifest_key for known in found] == ["manifests/b", "manifests/a"]


def test_old_marks_are_forgotten_with_their_manifests(database: Database, store: MarkStore) -> None:
    add(database, record("0" * 9, "manifests/old"), created_at=datetime.now(UTC) - timedelta(days=3))
    add(database, record("1" * 9, "manifests/new"))
    assert store.manifest_keys(older_than_days=2, limit=10) == ["manifests/old"]
    store.forget(["manifests/old"])
    store.forget([])
    assert (store.find("0" * 9, "k1"), len(store.find("1" * 9, "k1"))) == ([], 1)
    kept = RetentionStore(database)
    assert kept.known_manifests(["manifests/old", "manifests/new"]) == {"manifests/new"}
    assert kept.known_manifests([]) == set()
