"""Cases whose answer is known, asked about again: what measures how far moderators agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from storage.also import Row, add_rows
from storage.case import Case, CaseKind, CaseState, Choice, Ruling
from storage.case_store import LEASE_SECONDS, Wanted, case_of, settle
from storage.case_tables import cases
from storage.database import Database, db_now
from storage.errors import CaseLost
from storage.ids import new_id

_COPIED = ("kind", "job_id", "tenant_id", "held_at", "category", "severity", "rule", "queue", "expected")
_DUE_SECONDS = 86400.0
_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a moderator said about a known case. `item` is the case that was decided for real."""

    item: str
    moderator: str
    choice: Choice
    expected: Choice


class KnownStore:
    """Known cases and what was said about them. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def mark(self, case_id: str, expected: Choice | None, also: Sequence[Row] = ()) -> bool:
        """Makes a decided case a known one, or, with None, an ordinary one again; False where it cannot be one."""
        fits = sa.and_(cases.c.state == CaseState.DECIDED, cases.c.kind == CaseKind.HELD, cases.c.copy_of.is_(None))
        with self._database.transaction() as connection:
            marked = sa.update(cases).where(cases.c.id == case_id, fits).values(expected=expected)
            changed = connection.execute(marked).rowcount == 1
            add_rows(connection, also if changed else ())
        return changed

    def items(self) -> list[Case]:
        """Every known case, newest first."""
        with self._database.reading() as connection:
            return [case_of(row) for row in connection.execute(_items().order_by(cases.c.id.desc()))]

    def give(self, wanted: Wanted, seconds: float = LEASE_SECONDS) -> Case | None:
        """A copy of a known case that the moderator has never seen, given to them at once; None where there is none."""
        repeated = cases.alias()
        before = sa.select(repeated.c.id).where(repeated.c.copy_of == cases.c.id, _seen_by(repeated, wanted.moderator))
        fresh = sa.and_(cases.c.queue.in_(wanted.queues), cases.c.decided_by != wanted.moderator, ~before.exists())
        # While a case is open with them, another would take its place on the screen.
        held = sa.and_(cases.c.lease_by == wanted.moderator, cases.c.lease_until > db_now())
        chosen = _items().where(fresh, cases.c.category.not_in(wanted.without)).order_by(sa.func.random()).limit(1)
        with self._database.transaction() as connection:
            if connection.scalar(sa.select(cases.c.id).where(held).limit(1)) is not None:
                return None
            row = connection.execute(chosen).one_or_none()
            return None if row is None else _copy(connection, row, wanted.moderator, seconds)

    def judge(self, case: Case, ruling: Ruling, also: Sequence[Row] = ()) -> None:
        """Notes what the holder of a copy said; nothing is carried out. Raises CaseLost."""
        with self._database.transaction() as connection:
            if not settle(connection, case, ruling):
                raise CaseLost(f"the case {case.id} is no longer yours: its time ran out, or it was decided")
            add_rows(connection, also)

    def judgements(self, since_days: float) -> list[Judgement]:
        """What was said about known cases lately, oldest first."""
        said = sa.and_(cases.c.copy_of.is_not(None), cases.c.expected.is_not(None), cases.c.state == CaseState.DECIDED)
        lately = sa.select(cases).where(said, cases.c.decided_at > db_now(-since_days * _DAY)).order_by(cases.c.id)
        with self._database.reading() as connection:
            found = [case_of(row) for row in connection.execute(lately)]
        return [
            Judgement(case.copy_of, case.decided_by, case.ruling.choice, Choice(case.expected))
            for case in found
            if case.copy_of and case.decided_by and case.ruling and case.expected
        ]


def _items() -> sa.Select[Any]:
    known = sa.and_(cases.c.expected.is_not(None), cases.c.copy_of.is_(None), cases.c.state == CaseState.DECIDED)
    return sa.select(cases).where(known, cases.c.undone_at.is_(None))


def _seen_by(repeated: sa.FromClause, moderator: str) -> sa.ColumnElement[bool]:
    return sa.or_(repeated.c.decided_by == moderator, repeated.c.lease_by == moderator)


def _copy(connection: sa.Connection, row: sa.Row[Any], moderator: str, seconds: float) -> Case:
    values = {name: getattr(row, name) for name in _COPIED} | {"id": new_id("case"), "copy_of": row.id}
    lease = {"lease_by": moderator, "lease_until": db_now(seconds), "lease_no": 1, "given_at": db_now()}
    moments = {"due_at": db_now(_DUE_SECONDS), "opened_at": db_now()}
    connection.execute(sa.insert(cases).values(**values, **lease, **moments))
    return case_of(connection.execute(sa.select(cases).where(cases.c.id == values["id"])).one())
