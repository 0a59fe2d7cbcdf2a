"""Migrated databases for tests: each kind is migrated once in a process, and copied from then on.

Those of PostgreSQL are swept and used again as well. A new one is six hundred files, and costs the machine more than
most tests that use it.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

from storage.database import migrate
from tests import servers

_TEMPLATE = "migrated"
_TABLES = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname <> 'alembic_version'
"""
# What is asked differently, or planned differently, after a change of the schema or an ANALYZE.
_SHAPE = """
    SELECT count(DISTINCT c.oid), max(c.oid), count(a.attname), count(c.relacl),
           max(a.attnum) FILTER (WHERE a.attisdropped),
           (SELECT count(*) FILTER (WHERE tgenabled <> 'D') FROM pg_trigger),
           (SELECT count(*) FROM pg_statistic JOIN pg_class s ON s.oid = starelid
            WHERE s.relnamespace = 'public'::regnamespace)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = 'public'::regnamespace
"""
_OTHERS = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"


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
    """The address of a migrated PostgreSQL database of its own, new, and dropped afterwards."""
    with servers.fresh_database(server_uri, name, template=_postgres_template(server_uri)) as url:
        yield url


@contextmanager
def swept_postgres(server_uri: str) -> Iterator[str]:
    """The same, but perhaps used before: as after its migration, and under a name that nobody has ever known."""
    shelf = _shelf(server_uri)
    name = shelf.take()
    try:
        yield servers.psycopg_address(server_uri, name)
    finally:
        shelf.give_back(name)


@cache
def _postgres_template(server_uri: str) -> str:
    with psycopg.connect(server_uri, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{_TEMPLATE}"')
    migrate(servers.psycopg_address(server_uri, _TEMPLATE))
    return _TEMPLATE


@dataclass
class _Shelf:
    """The swept databases of one server. `rows` are those that a migration leaves, by table, as COPY writes them."""

    server_uri: str
    tables: list[str]
    rows: dict[str, bytes]
    shape: Any
    swept: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def take(self) -> str:
        """The name of a database that is nobody's."""
        if self.swept:
            return self.swept.pop()
        name = f"swept_{next(self.numbers)}"
        with psycopg.connect(self.server_uri, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{_TEMPLATE}"')
        return name

    def give_back(self, used: str) -> None:
        """Whoever still knows the name finds nothing there; what is not as it was made is dropped."""
        name = f"swept_{next(self.numbers)}"
        with psycopg.connect(self.server_uri, autocommit=True) as connection:
            connection.execute(_OTHERS, (used,))
            connection.execute(f'ALTER DATABASE "{used}" RENAME TO "{name}"')
            if self._sweep(name):
                self.swept.append(name)
            else:
                connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _sweep(self, name: str) -> bool:
        with psycopg.connect(servers.psycopg_address(self.server_uri, name)) as connection:
            if connection.execute(_SHAPE).fetchone() != self.shape:
                return False
            filled = _filled(connection, self.tables)
            if filled:
                connection.execute("SET session_replication_role = replica")  # rows that are frozen go too
                connection.execute(f"TRUNCATE {', '.join(filled)} RESTART IDENTITY CASCADE")
            for table, rows in self.rows.items():
                with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                    copy.write(rows)
        return True


@cache
def _shelf(server_uri: str) -> _Shelf:
    template = servers.psycopg_address(server_uri, _postgres_template(server_uri))
    with psycopg.connect(template) as connection:
        tables = [name for (name,) in connection.execute(_TABLES)]
        rows = {}
        for table in _filled(connection, tables):
            with connection.cursor().copy(f"COPY {table} TO STDOUT") as copy:
                rows[table] = b"".join(copy)
        return _Shelf(server_uri, tables, rows, connection.execute(_SHAPE).fetchone())


def _filled(connection: psycopg.Connection[Any], tables: list[str]) -> list[str]:
    query = " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in tables)
    return [name for (name,) in connection.execute(query)]
