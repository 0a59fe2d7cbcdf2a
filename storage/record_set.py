"""Many rows in one parameter: they travel as one JSON array, so that a statement's text stays the same for any number.

Sent one by one, each row costs the client as much as a statement of its own; as parameters of one long statement,
they make a text that no cache knows, neither the driver's nor the database's.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from storage.database import db_now
from storage.tables import Moment

ROWS = "rows"


def rows_param(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The parameter that fills a record_set(). Values are what JSON can say, and times that the database told."""
    return {ROWS: json.dumps(rows, default=_moment)}


def _moment(value: Any) -> str:
    if not isinstance(value, datetime):
        raise TypeError(f"a row cannot hold {value!r}: JSON has no such thing")
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds") + "Z"


def record_set(dialect: str, columns: Sequence[tuple[str, sa.types.TypeEngine[Any]]]) -> sa.FromClause:
    """Those rows as a table of these columns. A column that a row lacks is NULL."""
    rows = sa.bindparam(ROWS, type_=sa.Text)
    if dialect == "postgresql":
        typed = [sa.column(name, kind) for name, kind in columns]
        records = sa.func.json_to_recordset(sa.cast(rows, postgresql.JSON)).table_valued(*typed)
        return records.render_derived(name="given", with_types=True)
    each = sa.func.json_each(rows).table_valued("value")
    values = [_extracted(each.c.value, name, kind).label(name) for name, kind in columns]
    return sa.select(*values).subquery("given")


def _extracted(row: sa.ColumnElement[Any], name: str, kind: sa.types.TypeEngine[Any]) -> sa.sql.functions.Function[Any]:
    value = sa.func.json_extract(row, f"$.{name}", type_=kind)
    # SQLite keeps times as text without a zone.
    return sa.func.rtrim(value, "Z", type_=kind) if isinstance(kind, Moment) else value


def insert_all(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]], after: tuple[str, ...] = ()
) -> None:
    """Inserts rows that all name the same columns; the others take their defaults.

    Columns in `after` are moments, given as seconds from now.
    """
    if rows:
        connection.execute(_insert(connection.dialect.name, table, tuple(rows[0]), after), rows_param(rows))


@functools.cache
def _insert(dialect: str, table: sa.Table, names: tuple[str, ...], after: tuple[str, ...]) -> sa.Insert:
    given = record_set(dialect, [(name, sa.Float() if name in after else table.c[name].type) for name in names])
    values = [db_now(given.c[name]) if name in after else given.c[name] for name in names]
    return sa.insert(table).from_select(names, sa.select(*values))
