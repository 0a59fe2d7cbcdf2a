"""A database or a disk that does not answer is told apart from every other error."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.database import Database
from storage.errors import DatabaseUnavailable, ObjectStoreUnavailable
from storage.file_store import FileStore
from storage.key_store import KeyStore
from storage.object_store import LocalObjectStore
from tests.objects import keys
from tests.servers import free_port


def test_a_database_that_is_down_is_unavailable() -> None:
    database = Database(f"postgresql://nobody@127.0.0.1:{free_port()}/nothing")
    with pytest.raises(DatabaseUnavailable, match="did not answer"):
        database.ping()
    database.close()


def test_bytes_stay_while_it_is_unknown_whether_their_row_does(sqlite_url: str, tmp_path: Path) -> None:
    database = Database(sqlite_url)
    tenant = KeyStore(database).create_tenant("acme")
    objects = LocalObjectStore(tmp_path / "objects")
    Path(sqlite_url.removeprefix("sqlite:///")).rename(tmp_path / "away.db")
    database.close()
    with pytest.raises(DatabaseUnavailable):
        FileStore(database, objects).add(tenant, b"picture", "image/png", width=3, height=2)
    assert len(keys(objects, "inputs/")) == 1
    database.close()


def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path / "objects")
    (tmp_path / "objects" / "results").write_text("a file stands where a folder is needed")
    with pytest.raises(ObjectStoreUnavailable, match="cannot be written"):
        store.put("results/a", b"x", "image/png")
    assert list((tmp_path / "objects" / ".tmp").iterdir()) == []
