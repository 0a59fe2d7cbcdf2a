"""Cases: opened in the commit that holds a job, given to one person at a time, decided once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import sqlalchemy as sa

from storage.also import Row, add_rows
from storage.case import Case, CaseKind, CaseState, Ruling
from storage.case_rows import case_row
from storage.case_tables import case_skips, cases
from storage.database import Database, db_now
from storage.errors import CaseLost, CaseNotFound
from storage.ids import new_id
from storage.job import Job
from storage.tables import Moment, jobs

LEASE_SECONDS = 600.0
PENDING = sa.text("state IN ('open', 'proposed')")


class Placing(Protocol):
    """Where a case goes: see safety.triage.Triage."""

    def as_dict(self) -> dict[str, Any]:
        """`category`, `severity`, `rule`, `queue` and `seconds`, as case_row takes them."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which cases a moderator may be given: those of `queues`, but of no category in `without`."""

    moderator: str
    queues: tuple[str, ...]
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases a listing shows; a field left None does not narrow it."""

    queues: Collection[str] | None = None
    state: CaseState | None = None
    kind: CaseKind | None = None
    category: str | None = None
    tenant_id: str | None = None


class CaseStore:
    """Reads and moves of cases, over all tenants. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, case_id: str) -> Case:
        """The case. Raises CaseNotFound."""
        with self._database.reading() as connection:
            row = connection.execute(sa.select(cases).where(cases.c.id == case_id)).one_or_none()
        if row is None:
            raise CaseNotFound(f"there is no case {case_id}")
        return case_of(row)

    def of_job(self, job_id: str) -> list[Case]:
        """Every case about a job, oldest first."""
        mine = sa.select(cases).where(cases.c.job_id == job_id).order_by(cases.c.id)
        with self._database.reading() as connection:
            return [case_of(row) for row in connection.execute(mine)]

    def now(self) -> datetime:
        """The database's clock."""
        with self._database.reading() as connection:
            now: datetime = connection.execute(sa.select(sa.type_coerce(db_now(), Moment))).scalar_one()
        return now

    def open(
        self, job: Job, kind: CaseKind, where: Placing, words: str | None = None, *, first_by: str | None = None
    ) -> Case | None:
        """A new case about a job that has ended; None where one of this kind was opened before: of an appeal ever, of
        a report that is not decided yet.
        """
        case_id = new_id("case")
        row = case_row(job, kind, **where.as_dict(), words=words, first_by=first_by, id=case_id)
        before = sa.and_(cases.c.job_id == job.id, cases.c.kind == kind)
        if kind is not CaseKind.APPEAL:
            before = sa.and_(before, PENDING)
        with self._database.transaction() as connection:
            # Locked, so that two who object at once do not both find nothing.
            connection.execute(sa.select(jobs.c.id).where(jobs.c.id == job.id).with_for_update(key_share=True))
            if connection.scalar(sa.select(cases.c.id).where(before).limit(1)) is not None:
                return None
            add_rows(connection, [row])
        return self.get(case_id)

    def page(self, only: CaseFilter, *, limit: int = 50, cursor: str | None = None) -> list[Case]:
        """Up to `limit` cases: pending ones by the end of their time, others newest first; beyond the case `cursor`."""
        pending = only.state in (None, CaseState.OPEN, CaseState.PROPOSED)
        statement = sa.select(cases).where(*_conditions(only))
        if pending:
            statement = statement.where(PENDING).order_by(cases.c.due_at, cases.c.id)
        else:
            statement = statement.order_by(cases.c.id.desc())
        if cursor is not None:
            statement = statement.where(_beyond(cursor, by_time=pending))
        with self._database.reading() as connection:
            return [case_of(row) for row in connection.execute(statement.limit(limit))]

    def waiting(self) -> dict[str, int]:
        """How many cases wait in each queue."""
        counted = sa.select(cases.c.queue, sa.func.count()).where(PENDING).group_by(cases.c.queue)
        with self._database.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(counted)}

    def next(self, wanted: Wanted, seconds: float = LEASE_SECONDS) -> Case | None:
        """Gives the moderator the case whose time ends first, for `seconds`; the one they hold already, if any.

        Nobody is given a case that another holds, that they passed over, proposed the answer to, or, where it is an
        appeal, that they refused. Two who ask at once are given two cases.
        """
        own = sa.and_(cases.c.lease_by == wanted.moderator, cases.c.lease_until > db_now())
        with self._database.transaction() as connection:
            held = sa.select(cases.c.id).where(PENDING, own).order_by(cases.c.due_at).limit(1)
            chosen: str | None = connection.scalar(held) or connection.scalar(_first_free(wanted))
            if chosen is None:
                return None
            return case_of(connection.execute(_give(chosen, wanted.moderator, seconds)).one())

    def take(self, case_id: str, moderator: str, seconds: float = LEASE_SECONDS) -> Case:
        """Gives the moderator this very case. Raises CaseLost where another holds it or it is decided."""
        free = sa.or_(cases.c.lease_until.is_(None), cases.c.lease_until <= db_now(), cases.c.lease_by == moderator)
        with self._database.transaction() as connection:
            found = sa.select(cases.c.id).where(cases.c.id == case_id, PENDING, free, _not_own(moderator))
            if connection.scalar(found.with_for_update()) is None:
                raise CaseLost(f"{case_id} cannot be taken: another holds it, it is decided, or it is your own")
            return case_of(connection.execute(_give(case_id, moderator, seconds)).one())

    def renew(self, case: Case, seconds: float = LEASE_SECONDS) -> bool:
        """Keeps the case for another `seconds`; False where it is no longer the caller's."""
        return self._change(_held(case), {"lease_until": db_now(seconds)})

    def give_back(self, case: Case) -> bool:
        """Lets the case go unchanged."""
        return self._change(_held(case), _FREE)

    def skip(self, case: Case, reason: str, also: Sequence[Row] = ()) -> bool:
        """Passes the case over: its holder is not given it again."""
        values = {"case_id": case.id, "moderator": case.lease_by, "reason": reason}
        return self._change(_held(case), _FREE, [Row(case_skips, values), *also])

    def escalate(self, case: Case, queue: str, also: Sequence[Row] = ()) -> bool:
        """Passes the case on to another queue."""
        return self._change(_held(case), _FREE | {"queue": queue}, also)

    def propose(self, case: Case, ruling: Ruling, also: Sequence[Row] = ()) -> bool:
        """open -> proposed: another person has to confirm it."""
        values: dict[str, Any] = {"state": CaseState.PROPOSED, "proposal": ruling.as_dict()}
        who: dict[str, Any] = {"proposed_by": case.lease_by, "proposed_at": db_now()}
        return self._change(_held(case, CaseState.OPEN), _FREE | values | who, also)

    def disagree(self, case: Case, queue: str, also: Sequence[Row] = ()) -> bool:
        """proposed -> open, in another queue: the two do not agree."""
        values = {"state": CaseState.OPEN, "queue": queue, "proposal": None}
        return self._change(_held(case, CaseState.PROPOSED), _FREE | values, also)

    def ask_undo(self, case: Case, moderator: str, note: str, also: Sequence[Row] = ()) -> bool:
        """Notes that the moderator wants the decision undone, which waits for another; False where somebody did so."""
        first = sa.and_(_standing(case), cases.c.undo_by.is_(None))
        return self._change(first, {"undo_by": moderator, "undo_note": note}, also)

    def note_undone(self, case: Case, moderator: str) -> bool:
        """Notes that the decision on the case was taken back; False where somebody did so before."""
        return self._change(_standing(case), {"undone_by": moderator, "undone_at": db_now()})

    def _change(self, which: sa.ColumnElement[bool], values: dict[str, Any], also: Sequence[Row] = ()) -> bool:
        with self._database.transaction() as connection:
            changed = connection.execute(sa.update(cases).where(which).values(values)).rowcount == 1
            add_rows(connection, also if changed else ())
        return changed


def settle(connection: sa.Connection, case: Case, ruling: Ruling, *, replacement: str | None = None) -> bool:
    """pending -> decided by whoever holds it, inside the transaction that carries the decision out."""
    values: dict[str, Any] = {"state": CaseState.DECIDED, "ruling": ruling.as_dict(), "decided_by": case.lease_by}
    values |= {"decided_at": db_now(), "replacement": replacement}
    return connection.execute(sa.update(cases).where(_held(case)).values(_FREE | values)).rowcount == 1


def case_of(row: sa.Row[Any]) -> Case:
    """The case in a row."""
    values = row._asdict()
    values["kind"], values["state"] = CaseKind(row.kind), CaseState(row.state)
    for name in ("proposal", "ruling"):
        values[name] = None if values[name] is None else Ruling.from_dict(values[name])
    return Case(**values)


_FREE: dict[str, Any] = {"lease_by": None, "lease_until": None}


def _held(case: Case, state: CaseState | None = None) -> sa.ColumnElement[bool]:
    mine = (cases.c.id == case.id, cases.c.lease_by == case.lease_by, cases.c.lease_no == case.lease_no)
    stands = PENDING if state is None else cases.c.state == state
    return sa.and_(*mine, stands, cases.c.lease_until > db_now())


def _standing(case: Case) -> sa.ColumnElement[bool]:
    return sa.and_(cases.c.id == case.id, cases.c.state == CaseState.DECIDED, cases.c.undone_at.is_(None))


def _first_free(wanted: Wanted) -> sa.Select[Any]:
    free = sa.or_(cases.c.lease_until.is_(None), cases.c.lease_until <= db_now())
    found = sa.select(cases.c.id).where(PENDING, free, cases.c.queue.in_(wanted.queues), _not_own(wanted.moderator))
    if wanted.without:
        found = found.where(cases.c.category.not_in(wanted.without))
    return found.order_by(cases.c.due_at, cases.c.id).limit(1).with_for_update(skip_locked=True)


def _not_own(moderator: str) -> sa.ColumnElement[bool]:
    passed = sa.select(case_skips.c.case_id).where(case_skips.c.moderator == moderator)
    proposed = sa.and_(cases.c.state == CaseState.PROPOSED, cases.c.proposed_by == moderator)
    refused = sa.and_(cases.c.first_by.is_not(None), cases.c.first_by == moderator)
    return sa.and_(~proposed, ~refused, cases.c.id.not_in(passed))


def _give(case_id: str, moderator: str, seconds: float) -> sa.sql.dml.ReturningUpdate[Any]:
    values = {"lease_by": moderator, "lease_until": db_now(seconds), "lease_no": cases.c.lease_no + 1}
    given = sa.func.coalesce(cases.c.given_at, db_now())
    return sa.update(cases).where(cases.c.id == case_id).values(**values, given_at=given).returning(cases)


def _conditions(only: CaseFilter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if only.queues is not None:
        conditions.append(cases.c.queue.in_(only.queues))
    for name in ("state", "kind", "category", "tenant_id"):
        if (value := getattr(only, name)) is not None:
            conditions.append(cases.c[name] == value)
    return conditions


def _beyond(cursor: str, *, by_time: bool) -> sa.ColumnElement[bool]:
    if not by_time:
        return cases.c.id < cursor
    due = sa.select(cases.c.due_at).where(cases.c.id == cursor).scalar_subquery()
    return sa.or_(cases.c.due_at > due, sa.and_(cases.c.due_at == due, cases.c.id > cursor))
