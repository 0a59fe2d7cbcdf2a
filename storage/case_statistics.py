"""Review in figures: how long cases take, and how many decisions did not stand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from storage.case import CaseKind, CaseState, Choice
from storage.case_tables import cases
from storage.database import Database, db_now

_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Tally:
    """Decisions of one kind and choice, and how many of them were undone."""

    kind: CaseKind
    choice: Choice
    decided: int
    undone: int


class CaseStatistics:
    """Counts decided cases, without those that only measure agreement. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tallies(self, since_days: float) -> list[Tally]:
        """Decisions of the last days, by kind and choice."""
        choice = cases.c.ruling["choice"].as_string()
        undone = sa.func.count(cases.c.undone_at)
        counted = sa.select(cases.c.kind, choice, sa.func.count(), undone).where(*_lately(since_days))
        with self._database.reading() as connection:
            rows = connection.execute(counted.group_by(cases.c.kind, choice)).all()
        return [Tally(CaseKind(row[0]), Choice(row[1]), row[2], row[3]) for row in rows]

    def spans(self, since_days: float, limit: int = 10_000) -> list[tuple[float, float]]:
        """Of the newest decisions: seconds from opened to decided, and from first given to decided."""
        moments = sa.select(cases.c.opened_at, cases.c.given_at, cases.c.decided_at).where(*_lately(since_days))
        with self._database.reading() as connection:
            rows = connection.execute(moments.order_by(cases.c.decided_at.desc()).limit(limit)).all()
        return [(_seconds(opened, decided), _seconds(given or opened, decided)) for opened, given, decided in rows]


def _lately(since_days: float) -> tuple[sa.ColumnElement[bool], ...]:
    recent = cases.c.decided_at > db_now(-since_days * _DAY)
    return cases.c.state == CaseState.DECIDED, cases.c.copy_of.is_(None), recent


def _seconds(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()
