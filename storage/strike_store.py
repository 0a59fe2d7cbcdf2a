"""Strikes in SQL. Every read is one look into an index, for as many rows as were asked for and no more."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from storage.also import Row
from storage.database import Database, db_now
from storage.job import Job, NewJob
from storage.strike import Strike
from storage.strike_tables import strikes
from storage.tables import Moment, jobs

_NOW = sa.type_coerce(db_now(), Moment).label("now")
_COUNTS = strikes.c.lifted_at.is_(None)
_NO_IMPRINT = {"words": "", "picture": ""}


@dataclass(frozen=True, slots=True)
class Past:
    """A caller's own strikes, newest first; and on how many requests in a row the tenant's last strikes fell."""

    strikes: tuple[Strike, ...]
    tenant_requests: int | None


def strike_row(job: Job | NewJob, cause: str, *, weight: float, rule: str, severity: int) -> Row:
    """The strike that `job` earned, for the commit that refuses it: part of `Move.also` or `NewJob.also`."""
    charge = {"weight": weight, "cause": cause, "rule": rule, "severity": severity}
    return Row(strikes, {"job_id": job.id, "tenant_id": job.tenant_id, "user": job.user, **charge, **_imprint(job)})


def earned(row: Row) -> Strike | None:
    """The strike that `row` is about to note; None when it is a row of something else."""
    return Strike(**row.values, age_seconds=0.0) if row.table is strikes else None


def recent_strikes(
    connection: sa.Connection, tenant_id: str, user: str | None, window_seconds: float, limit: int
) -> list[Strike]:
    """The newest strikes of an end-user, or of the tenant where it named none, newest first; read from one index."""
    theirs = {"tenant": tenant_id, "window": -window_seconds, "most": limit}
    if user is None:
        return [_strike(row) for row in connection.execute(_OF_TENANT, theirs)]
    return [_strike(row) for row in connection.execute(_OF_USER, theirs | {"user": user})]


def _newest(what: sa.Select[Any], *conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    since = db_now(sa.bindparam("window", type_=sa.Float))
    recent = sa.and_(strikes.c.tenant_id == sa.bindparam("tenant"), *conditions, _COUNTS, strikes.c.at > since)
    return what.where(recent).order_by(strikes.c.at.desc()).limit(sa.bindparam("most", type_=sa.Integer))


# Built once: putting statements together costs more than running them.
_OF_TENANT = _newest(sa.select(strikes, _NOW), strikes.c.user.is_(None))
_OF_USER = _newest(sa.select(strikes, _NOW), strikes.c.user == sa.bindparam("user"))
_STRUCK = _newest(sa.select(strikes.c.job_id))


def struck_users(connection: sa.Connection, tenant_id: str, users: Collection[str], window_seconds: float) -> set[str]:
    """Those of these end-users that have any strikes: most have none, and one look says so for all."""
    recent = sa.and_(strikes.c.tenant_id == tenant_id, _COUNTS, strikes.c.at > db_now(-window_seconds))
    found = sa.select(strikes.c.user).where(recent, strikes.c.user.in_(users)).distinct()
    return set(connection.scalars(found)) if users else set()


def lift_of_job(connection: sa.Connection, job: Job, why: str) -> None:
    """Takes back the strike that the job earned, in the commit that takes its refusal back."""
    connection.execute(_lifting(why, strikes.c.tenant_id == job.tenant_id, strikes.c.job_id == job.id))


class StrikeStore:
    """What is on record of callers. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def past(
        self, tenant_id: str, user: str | None, *, window_seconds: float, limit: int, tenant_strikes: int, requests: int
    ) -> Past:
        """At most `limit` strikes of the caller, and the length of the run on which the tenant's last
        `tenant_strikes` fell: `requests` + 1 when it is longer than `requests`, None when there are not so many.
        """
        several = self.pasts(
            tenant_id,
            [user],
            window_seconds=window_seconds,
            limit=limit,
            tenant_strikes=tenant_strikes,
            requests=requests,
        )
        return several[user]

    def pasts(
        self,
        tenant_id: str,
        users: Collection[str | None],
        *,
        window_seconds: float,
        limit: int,
        tenant_strikes: int,
        requests: int,
    ) -> dict[str | None, Past]:
        """The same for several callers of one tenant."""
        with self._database.reading() as connection:
            run = _run(connection, tenant_id, window_seconds, tenant_strikes, requests)
            named = {user for user in users if user is not None}
            asked = struck_users(connection, tenant_id, named, window_seconds) if len(named) > 1 else named
            own = {
                user: recent_strikes(connection, tenant_id, user, window_seconds, limit)
                for user in asked | ({None} & set(users))
            }
        return {user: Past(tuple(own.get(user, ())), run) for user in users}

    def page(self, tenant_id: str, user: str | None, limit: int) -> list[Strike]:
        """The newest strikes of a tenant, or of one of its end-users, lifted ones included."""
        theirs = sa.true() if user is None else strikes.c.user == user
        newest = sa.select(strikes, _NOW).where(strikes.c.tenant_id == tenant_id, theirs)
        with self._database.reading() as connection:
            return [_strike(row) for row in connection.execute(newest.order_by(strikes.c.at.desc()).limit(limit))]

    def lift(self, tenant_id: str, why: str, *, user: str | None = None, job_id: str | None = None) -> int:
        """Takes strikes back: that of one job, or all of an end-user; how many there were. They stay on record.

        Raises ValueError when neither is named: a tenant's strikes are not lifted all at once.
        """
        if user is None and job_id is None:
            raise ValueError("name an end-user or a job")
        named = [column == value for column, value in ((strikes.c.user, user), (strikes.c.job_id, job_id)) if value]
        with self._database.transaction() as connection:
            return connection.execute(_lifting(why, strikes.c.tenant_id == tenant_id, *named)).rowcount

    def forget(self, *, older_than_seconds: float) -> int:
        """Removes strikes older than that, and returns how many."""
        old = sa.delete(strikes).where(strikes.c.at < db_now(-older_than_seconds))
        with self._database.transaction() as connection:
            return connection.execute(old).rowcount


def _run(connection: sa.Connection, tenant_id: str, window_seconds: float, count: int, requests: int) -> int | None:
    theirs = {"tenant": tenant_id, "window": -window_seconds, "most": count}
    struck: Sequence[str] = connection.scalars(_STRUCK, theirs).all()
    if len(struck) < count:
        return None
    # Ids sort by time, so that the run is a stretch of one index. It is followed only as far as it matters.
    since = sa.select(jobs.c.id).where(jobs.c.tenant_id == tenant_id, jobs.c.id >= min(struck))
    stretch = since.order_by(jobs.c.id).limit(requests + 1).subquery()
    return connection.scalar(sa.select(sa.func.count()).select_from(stretch))


def _lifting(why: str, *which: sa.ColumnElement[bool]) -> sa.Update:
    return sa.update(strikes).where(*which, _COUNTS).values(lifted_at=db_now(), lifted_why=why)


def _imprint(job: Job | NewJob) -> dict[str, str]:
    return job.imprint or _NO_IMPRINT


def _strike(row: sa.Row[Any]) -> Strike:
    values = row._asdict()
    age: timedelta = values.pop("now") - values.pop("at")
    return Strike(**values, age_seconds=max(0.0, age.total_seconds()))
