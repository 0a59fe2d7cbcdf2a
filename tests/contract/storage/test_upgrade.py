"""A filled database goes forward through every migration, back through every one, and forward again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from storage.database import Database, migrate
from storage.schema import known_revisions
from storage.tables import metadata
from tests import servers

ROWS, STRIDE = 3, 5
BOOKKEEPING = "alembic_version"
Contents = dict[str, list[dict[str, Any]]]


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without a table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'inpaintd.db'}"
        return
    with servers.fresh_database(request.getfixturevalue("postgres_server"), "upgraded") as url:
        yield url


def reflected(connection: sa.Connection) -> list[sa.Table]:
    """The tables as they are, each after those it refers to."""
    found = sa.MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != BOOKKEEPING]


def fill(database: Database) -> None:
    """Puts rows into every table that has none."""
    with database.transaction() as connection:
        for table in reflected(connection):
            if not connection.scalar(sa.select(sa.func.count()).select_from(table)):
                rows = [{column.name: value(column, n) for column in table.columns} for n in range(1, ROWS + 1)]
                connection.execute(sa.insert(table), rows)


def value(column: sa.Column[Any], n: int) -> Any:
    """The value of row `n`: of its column's type, and that of row `n` of the table it refers to."""
    for key in column.foreign_keys:
        return value(key.column, n)
    if isinstance(column.type, sa.String):
        return f"{column.table.name[:8]}.{column.name}.{n}"[-(column.type.length or 80) :]
    if isinstance(column.type, sa.DateTime):
        return datetime(2026, 1, n, tzinfo=UTC)
    if isinstance(column.type, sa.JSON):
        return {"n": n}
    return bool(n % 2) if isinstance(column.type, sa.Boolean) else n


def contents(database: Database) -> Contents:
    """Every row of every table."""
    with database.reading() as connection:
        return {table.name: _rows(connection, table) for table in reflected(connection)}


def _rows(connection: sa.Connection, table: sa.Table) -> list[dict[str, Any]]:
    rows = connection.execute(sa.select(table).order_by(*table.primary_key.columns))
    return [dict(row._mapping) for row in rows]


def schema(database: Database) -> dict[str, Any]:
    """Columns and indexes of every table."""
    with database.reading() as connection:
        inspector = sa.inspect(connection)
        return {
            name: (
                {column["name"]: (str(column["type"]), column["nullable"]) for column in inspector.get_columns(name)},
                {index["name"]: (index["column_names"], index["unique"]) for index in inspector.get_indexes(name)},
            )
            for name in inspector.get_table_names()
        }


def test_data_outlives_the_way_forward_and_back(bare_url: str) -> None:
    # Every migration is gone through; looking at each would take three times as long.
    known, database = known_revisions(), Database(bare_url)
    revisions = sorted({*known[::STRIDE], *known[-2:]})
    was: dict[str, tuple[dict[str, Any], Contents]] = {}
    for revision in revisions:
        migrate(bare_url, revision)
        _same(was[revisions[0]][1] if was else {}, contents(database), revision)
        fill(database)
        was[revision] = schema(database), contents(database)
        assert all(was[revision][1].values()), "there are rows in every table"
    for revision in reversed(revisions[:-1]):
        migrate(bare_url, revision)
        assert schema(database) == was[revision][0], revision
        assert contents(database) == was[revision][1], revision
    migrate(bare_url)
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    _same(was[revisions[0]][1], contents(database), "head, again")
    database.close()


def _same(before: Contents, after: Contents, where: str) -> None:
    """Whether every row of then is there, with the same values in the columns that are left."""
    for name, rows in before.items():
        left = [{column: row[column] for column in row if column in after[name][0]} for row in rows]
        now = [{column: row[column] for column in left[0]} for row in after[name]]
        assert now == left, f"{name} at {where}"
