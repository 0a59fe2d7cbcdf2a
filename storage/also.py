"""Rows of other tables that stand or fall with a move of a job or with its submit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from storage.database import db_now


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

    @property
    def binds(self) -> dict[str, Any]:
        """The statement's parameters."""
        return {**self.values, **{f"after_{name}": seconds for name, seconds in self.after.items()}}


def add_rows(connection: sa.Connection, rows: Iterable[Row]) -> None:
    """Inserts all of them, with one statement for each table and choice of columns."""
    alike: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        alike[row.shape].append(row)
    for same in alike.values():
        moments = {name: db_now(sa.bindparam(f"after_{name}", type_=sa.Float)) for name in same[0].after}
        connection.execute(sa.insert(same[0].table).values(moments), [row.binds for row in same])
