"""Rows of other tables that stand or fall with a move of a job or with its submit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from storage.record_set import insert_all


@dataclass(frozen=True, slots=True)
class Row:
    """A row to be inserted. Times that must be the database's are defaults of its columns, never values here.

    `after` are moments so many seconds from now, by the database's clock.
    """

    table: sa.Table
    values: dict[str, Any]
    after: Mapping[str, float] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
        """Rows of equal shape are one statement."""
        return self.table.name, tuple(self.values), tuple(self.after)


def add_rows(connection: sa.Connection, rows: Iterable[Row]) -> None:
    """Inserts all of them, with one statement for each table and choice of columns."""
    alike: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        alike[row.shape].append(row)
    for same in alike.values():
        insert_all(connection, same[0].table, [{**row.values, **row.after} for row in same], after=tuple(same[0].after))
