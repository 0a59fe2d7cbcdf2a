"""Guarded moves of running jobs, many in one transaction. Each is one UPDATE that matches one row or none."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from storage.also import Row, add_rows
from storage.certainty import certainly
from storage.database import Database, db_now
from storage.events import Event, add_events, known_events
from storage.group import GATHER_SECONDS, Group
from storage.job import TERMINAL, TRANSITIONS, Job, JobState
from storage.record_set import record_set, rows_param
from storage.tables import jobs

# Nearly as long as a lease lasts: later, somebody else has the job.
PATIENCE_SECONDS = 40.0


class _Stale(Exception):
    """Some row of the group no longer belongs to its mover."""


@dataclass(frozen=True, slots=True)
class Move:
    """One job from running to `to`. `values` are plain column values; `delay_seconds` keeps a queued one waiting.

    It matches on (id, attempt, state = running): `attempt` is the fencing token, so a paused worker that wakes up
    after its lease was given away matches no row. `also` are rows that are inserted in the same commit, or not at all.
    """

    job: Job
    to: JobState
    values: dict[str, Any]
    event: Event
    delay_seconds: float = 0.0
    also: tuple[Row, ...] = ()

    @classmethod
    def make(cls, job: Job, to: JobState, values: dict[str, Any], data: dict[str, Any] | None = None) -> Move:
        """The move with its event, `job.<to>`, whose data a reader may see. Raises ValueError when none leads there."""
        if to not in TRANSITIONS[JobState.RUNNING]:
            raise ValueError(f"no move leads from running to {to}")
        event = Event(job.id, job.tenant_id, job.attempt, f"job.{to}", data or {})
        return cls(job, to, values, event)

    @property
    def shape(self) -> tuple[JobState, tuple[str, ...]]:
        """Moves of equal shape are one statement."""
        return self.to, tuple(sorted(self.values))

    @property
    def binds(self) -> dict[str, Any]:
        """The statement's parameters."""
        values = {f"new_{name}": value for name, value in self.values.items()}
        own = {"job_id": self.job.id, "its_attempt": self.job.attempt}
        return own | values | ({"delay": self.delay_seconds} if self.to is JobState.QUEUED else {})


class Mover:
    """Makes moves and says of each whether it was still the caller's to make. For many threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._group: Group[Move, bool] = Group(self._make, gather_seconds=GATHER_SECONDS)

    def make(self, move: Move) -> bool:
        """False: the job is somebody else's by now. Raises DatabaseUnavailable when it could not be found out."""
        return self._group(move)

    def _make(self, moves: list[Move]) -> list[bool | Exception]:
        if len(moves) > 1:
            try:
                self._commit(moves)
                return [True] * len(moves)
            except _Stale:
                pass  # one of them is late: each for itself, so that the others are not late as well
        return [self._alone(move) for move in moves]

    def _alone(self, move: Move) -> bool | Exception:
        try:
            self._commit([move])
        except _Stale:
            return False
        except Exception as error:  # noqa: BLE001  (raised at the caller whose move it is)
            return error
        return True

    def _commit(self, moves: Sequence[Move]) -> None:
        ids = [move.event.id for move in moves]
        certainly(
            self._database,
            lambda connection: _apply_all(connection, moves),
            lambda connection: True if known_events(connection, ids) else None,
            PATIENCE_SECONDS,
        )


def _apply_all(connection: sa.Connection, moves: Sequence[Move]) -> bool:
    """Raises _Stale, so that all is rolled back, unless every move matched its row."""
    shapes: dict[Any, list[Move]] = defaultdict(list)
    # In the order of their ids, see in_order().
    for move in sorted(moves, key=lambda move: move.job.id):
        shapes[move.shape].append(move)
    if len(shapes) > 1:
        connection.execute(_locks(), {"ids": [move.job.id for move in moves]})
    for (to, names), alike in sorted(shapes.items()):
        given = rows_param([move.binds for move in alike])
        moved = connection.execute(_statement(connection.dialect.name, to, names), given).all()
        if len(moved) != len(alike):
            raise _Stale
    add_events(connection, [move.event for move in moves])
    add_rows(connection, (row for move in moves for row in move.also))
    return True


@functools.cache
def _locks() -> sa.Select[tuple[str]]:
    mine = jobs.c.id.in_(sa.bindparam("ids", expanding=True))
    return sa.select(jobs.c.id).where(mine).order_by(jobs.c.id).with_for_update(key_share=True)


@functools.cache
def _statement(dialect: str, to: JobState, names: tuple[str, ...]) -> sa.sql.dml.ReturningUpdate[tuple[str]]:
    # Built once for each shape: putting a statement together costs more than running it.
    own = [("job_id", jobs.c.id.type), ("its_attempt", jobs.c.attempt.type), ("delay", sa.Float())]
    given = record_set(dialect, own + [(f"new_{name}", jobs.c[name].type) for name in names])
    mine = sa.and_(jobs.c.id == given.c.job_id, jobs.c.attempt == given.c.its_attempt)
    locked = sa.select(given).where(mine, jobs.c.state == JobState.RUNNING).order_by(jobs.c.id)
    moved = (
        locked.with_for_update(of=jobs, key_share=True).cte("moved").prefix_with("MATERIALIZED", dialect="postgresql")
    )
    values: dict[str, Any] = {name: moved.c[f"new_{name}"] for name in names}
    values |= {"state": to, "lease_owner": None, "lease_expires_at": None}
    if to in TERMINAL:
        values["finished_at"] = db_now()
    if to is JobState.QUEUED:
        values["not_before"] = db_now(moved.c.delay)
    return sa.update(jobs).where(jobs.c.id == moved.c.job_id).values(values).returning(jobs.c.id)


def apply(
    connection: sa.Connection,
    guard: sa.ColumnElement[bool],
    values: dict[str, Any],
    event: str,
    data: dict[str, Any] | None = None,
) -> list[str]:
    """Changes every row that fits `guard`, writes an event for each, and returns their ids."""
    statement = sa.update(jobs).where(in_order(guard)).values(values)
    rows = connection.execute(statement.returning(jobs.c.id, jobs.c.tenant_id, jobs.c.attempt)).all()
    add_events(connection, [Event(row.id, row.tenant_id, row.attempt, event, data or {}) for row in rows])
    return [row.id for row in rows]


def in_order(guard: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """The rows that fit `guard`, locked in the order of their ids, as every move of many rows locks them.

    An UPDATE by itself locks rows as it meets them. A beat and a finish that met the same rows the other way round
    would wait for each other until PostgreSQL's deadlock_timeout, a second, and one of them would fail.
    """
    locked = sa.select(jobs.c.id).where(guard).order_by(jobs.c.id).with_for_update(key_share=True).cte("in_order")
    return jobs.c.id.in_(sa.select(locked.prefix_with("MATERIALIZED", dialect="postgresql").c.id))
