"""Decisions on many cases at once: proposed by one person, carried out or refused by another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from storage.also import Row, add_rows
from storage.bulk_tables import bulk_decisions as table
from storage.case import Ruling
from storage.database import Database, db_now
from storage.errors import CaseNotFound
from storage.ids import new_id


class BulkState(StrEnum):
    """Where a bulk decision stands. `running` stays only where the process that carried it out was ended."""

    PROPOSED = "proposed"
    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one case: `why_not` is None where the decision was carried out."""

    case_id: str
    why_not: str | None = None


@dataclass(frozen=True, slots=True)
class Bulk:
    """A bulk decision as it was read. `results` are there once it is done."""

    id: str
    case_ids: tuple[str, ...]
    ruling: Ruling
    state: BulkState
    proposed_by: str
    proposed_at: datetime
    second_by: str | None
    ended_at: datetime | None
    results: tuple[Outcome, ...]


class BulkStore:
    """Reads and moves of bulk decisions. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def propose(
        self,
        case_ids: Sequence[str],
        ruling: Ruling,
        by: str,
        *,
        bulk_id: str | None = None,
        also: Sequence[Row] = (),
    ) -> Bulk:
        """A new one, which waits for a second person, with `also` in the same commit."""
        bulk_id = bulk_id or new_id("bulk")
        values = {"id": bulk_id, "case_ids": list(case_ids), "ruling": ruling.as_dict(), "proposed_by": by}
        with self._database.transaction() as connection:
            connection.execute(sa.insert(table).values(values))
            add_rows(connection, also)
        return self.get(bulk_id)

    def get(self, bulk_id: str) -> Bulk:
        """The bulk decision. Raises CaseNotFound."""
        with self._database.reading() as connection:
            row = connection.execute(sa.select(table).where(table.c.id == bulk_id)).one_or_none()
        if row is None:
            raise CaseNotFound(f"there is no bulk decision {bulk_id}")
        return _bulk(row)

    def latest(self, limit: int = 20) -> list[Bulk]:
        """The newest ones."""
        newest = sa.select(table).order_by(table.c.id.desc()).limit(limit)
        with self._database.reading() as connection:
            return [_bulk(row) for row in connection.execute(newest)]

    def start(self, bulk: Bulk, by: str) -> bool:
        """proposed -> running, by the second person; True too where that person goes on with what was cut off."""
        mine = sa.and_(table.c.state == BulkState.RUNNING, table.c.second_by == by)
        free = sa.or_(table.c.state == BulkState.PROPOSED, mine)
        return self._change(bulk, free, {"state": BulkState.RUNNING, "second_by": by})

    def finish(self, bulk: Bulk, results: Sequence[Outcome]) -> bool:
        """running -> done."""
        values = {"state": BulkState.DONE, "ended_at": db_now(), "results": [asdict(one) for one in results]}
        return self._change(bulk, table.c.state == BulkState.RUNNING, values)

    def refuse(self, bulk: Bulk, by: str, also: Sequence[Row] = ()) -> bool:
        """proposed -> refused: nothing of it is carried out."""
        values = {"state": BulkState.REFUSED, "second_by": by, "ended_at": db_now()}
        return self._change(bulk, table.c.state == BulkState.PROPOSED, values, also)

    def _change(
        self, bulk: Bulk, stands: sa.ColumnElement[bool], values: dict[str, Any], also: Sequence[Row] = ()
    ) -> bool:
        moved = sa.update(table).where(table.c.id == bulk.id, stands).values(values)
        with self._database.transaction() as connection:
            changed = connection.execute(moved).rowcount == 1
            add_rows(connection, also if changed else ())
        return changed


def _bulk(row: sa.Row[Any]) -> Bulk:
    values = row._asdict()
    values["case_ids"], values["ruling"] = tuple(row.case_ids), Ruling.from_dict(row.ruling)
    values["state"] = BulkState(row.state)
    values["results"] = tuple(Outcome(**one) for one in row.results or ())
    return Bulk(**values)
