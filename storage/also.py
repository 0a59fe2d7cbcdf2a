"""Rows of other tables that stand or fall with a move of a job or with its submit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class Row:
    """A row to be inserted. Times that must be the database's are defaults of its columns, never values here."""

    table: sa.Table
    values: dict[str, Any]


def add_rows(connection: sa.Connection, rows: Iterable[Row]) -> None:
    """Inserts all of them, with one statement for each table and choice of columns."""
    alike: dict[tuple[str, tuple[str, ...]], list[Row]] = defaultdict(list)
    for row in rows:
        alike[row.table.name, tuple(row.values)].append(row)
    for same in alike.values():
        connection.execute(sa.insert(same[0].table), [row.values for row in same])
