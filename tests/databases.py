"""Migrated databases for tests: each kind is migrated once in a process, and copied from then on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg

from storage.database import migrate
from tests import servers

_TEMPLATE = "migrated"


def migrated_sqlite(file: Path) -> str:
    """The address of a migrated SQLite database in a new file."""
    file.write_bytes(_sqlite_template())
    return f"sqlite:///{file}"


@cache
def _sqlite_template() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "inpaintd.db"
        migrate(f"sqlite:///{file}")
        assert [entry.name for entry in Path(folder).iterdir()] == [file.name], "what is in a log would not be copied"
        return file.read_bytes()


@contextmanager
def migrated_postgres(server_uri: str, name: str) -> Iterator[str]:
    """The address of a migrated PostgreSQL database of its own, dropped afterwards."""
    with servers.fresh_database(server_uri, name, template=_postgres_template(server_uri)) as url:
        yield url


@cache
def _postgres_template(server_uri: str) -> str:
    with psycopg.connect(server_uri, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{_TEMPLATE}"')
    migrate(servers.psycopg_address(server_uri, _TEMPLATE))
    return _TEMPLATE
