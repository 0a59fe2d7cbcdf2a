"""Warnings and suspensions of tenants. What ended stays on record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from storage.also import Row, add_rows
from storage.database import Database, db_now
from storage.ids import new_id
from storage.measure_tables import measures
from storage.tables import tenants


class MeasureKind(StrEnum):
    """What is done about a tenant."""

    WARN = "warn"
    """It is told; nothing is refused."""
    SUSPEND = "suspend"
    """It may submit nothing until somebody ends the measure; reading and appealing go on."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure. `text` is for the tenant."""

    id: str
    tenant_id: str
    kind: MeasureKind
    case_id: str | None
    text: str
    by: str
    at: datetime
    ended_by: str | None
    ended_at: datetime | None


def measure_row(tenant_id: str, kind: MeasureKind, *, text: str, by: str, case_id: str | None = None) -> Row:
    """The row of a new measure, for the commit of the decision that takes it."""
    values = {"id": new_id("msr"), "tenant_id": tenant_id, "kind": kind, "case_id": case_id, "text": text, "by": by}
    return Row(measures, values)


def suspension() -> sa.ScalarSelect[str]:
    """What a suspended tenant is told, beside each row of `tenants`; NULL where it may submit."""
    stands = sa.and_(measures.c.tenant_id == tenants.c.id, measures.c.kind == MeasureKind.SUSPEND)
    told = sa.select(measures.c.text).where(stands, measures.c.ended_at.is_(None))
    return told.order_by(measures.c.at).limit(1).scalar_subquery()


class MeasureStore:
    """Reads measures and ends them. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, tenant_id: str, *, limit: int = 100) -> list[Measure]:
        """The tenant's measures, newest first, ended ones included."""
        mine = sa.select(measures).where(measures.c.tenant_id == tenant_id).order_by(measures.c.at.desc()).limit(limit)
        with self._database.reading() as connection:
            return [_measure(row) for row in connection.execute(mine)]

    def standing(self, *, limit: int = 500) -> list[Measure]:
        """Every measure that has not ended, newest first."""
        open_ones = sa.select(measures).where(measures.c.ended_at.is_(None)).order_by(measures.c.at.desc()).limit(limit)
        with self._database.reading() as connection:
            return [_measure(row) for row in connection.execute(open_ones)]

    def get(self, measure_id: str) -> Measure | None:
        """One measure."""
        with self._database.reading() as connection:
            row = connection.execute(sa.select(measures).where(measures.c.id == measure_id)).one_or_none()
        return None if row is None else _measure(row)

    def end(self, measure_id: str, by: str, also: Sequence[Row] = ()) -> bool:
        """Ends one measure, with `also` in the same commit; False where it had ended or there is none."""
        return self._end(measures.c.id == measure_id, by, also) == 1

    def end_of_case(self, case_id: str, by: str) -> int:
        """Ends every measure that went with the decision on a case, and says how many."""
        return self._end(measures.c.case_id == case_id, by)

    def _end(self, which: sa.ColumnElement[bool], by: str, also: Sequence[Row] = ()) -> int:
        ended = sa.update(measures).where(which, measures.c.ended_at.is_(None)).values(ended_at=db_now(), ended_by=by)
        with self._database.transaction() as connection:
            count = connection.execute(ended).rowcount
            add_rows(connection, also if count else ())
        return count


def _measure(row: sa.Row[tuple[object, ...]]) -> Measure:
    values = row._asdict()
    return Measure(**{**values, "kind": MeasureKind(values["kind"])})
