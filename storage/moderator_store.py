"""Accounts of moderators and the sessions of their browsers. Passwords come here hashed, tokens are hashed here."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from storage.database import Database, db_now
from storage.errors import ModeratorNotFound, NameTaken
from storage.ids import new_id
from storage.moderator_tables import console_sessions, moderators

IDLE_SECONDS, LONGEST_SECONDS = 3600.0, 12 * 3600.0
# A cookie that is used says so in SQL at most this often.
_TOUCH_SECONDS = 60.0
FREE_FAILURES, LONGEST_BAR_SECONDS = 4, 900.0


class Role(StrEnum):
    """What a moderator may do. An auditor reads everything and decides nothing."""

    AUDITOR = "auditor"
    REVIEWER = "reviewer"
    LEAD = "lead"
    ADMIN = "admin"

    @property
    def decides(self) -> bool:
        """Whether cases are given to this role."""
        return self is not Role.AUDITOR

    @property
    def leads(self) -> bool:
        """Whether this role sees the restricted queue, works in bulk, and measures agreement."""
        return self in (Role.LEAD, Role.ADMIN)


@dataclass(frozen=True, slots=True)
class Moderator:
    """An account. `name` is what goes on record."""

    id: str
    name: str
    role: Role
    password: str | None
    subject: str | None
    failures: int
    barred_until: datetime | None
    created_at: datetime
    disabled_at: datetime | None
    is_barred: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. Every form carries `csrf`."""

    moderator: Moderator
    csrf: str


class ModeratorStore:
    """Makes, reads and disables accounts; opens and ends sessions. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, role: Role, *, password: str | None = None, subject: str | None = None) -> Moderator:
        """A new account; `password` is its hash. Raises NameTaken."""
        values = {"id": new_id("mod"), "name": name, "role": role, "password": password, "subject": subject}
        try:
            with self._database.transaction() as connection:
                connection.execute(sa.insert(moderators).values(values))
        except sa.exc.IntegrityError as problem:
            raise NameTaken(f"there is a moderator {name!r} (or one with this subject) already") from problem
        return self.named(name)

    def named(self, name: str) -> Moderator:
        """The account of this name. Raises ModeratorNotFound."""
        found = self._one(moderators.c.name == name)
        if found is None:
            raise ModeratorNotFound(f"there is no moderator {name!r}; `inpaintd moderators add` makes one")
        return found

    def of_subject(self, subject: str) -> Moderator | None:
        """The account that an OIDC provider calls `subject`."""
        return self._one(moderators.c.subject == subject)

    def all(self) -> list[Moderator]:
        """Every account, by name."""
        with self._database.reading() as connection:
            return [_moderator(row) for row in connection.execute(_accounts().order_by(moderators.c.name))]

    def change(
        self, name: str, *, role: Role | None = None, password: str | None = None, disabled: bool | None = None
    ) -> Moderator:
        """Changes what is given, and ends the account's sessions. Raises ModeratorNotFound."""
        account, values = self.named(name), dict[str, Any]()
        values |= {} if role is None else {"role": role}
        values |= {} if password is None else {"password": password, "failures": 0, "barred_until": None}
        values |= {} if disabled is None else {"disabled_at": db_now() if disabled else None}
        with self._database.transaction() as connection:
            connection.execute(sa.update(moderators).where(moderators.c.id == account.id).values(values))
            connection.execute(sa.delete(console_sessions).where(console_sessions.c.moderator_id == account.id))
        return self.named(name)

    def note_sign_in(self, account: Moderator, *, good: bool) -> None:
        """Counts failures in a row: after FREE_FAILURES, each doubles the time in which none is tried."""
        mine = sa.update(moderators).where(moderators.c.id == account.id)
        beyond = account.failures + 1 - FREE_FAILURES
        barred = None if beyond <= 0 else db_now(min(2.0**beyond, LONGEST_BAR_SECONDS))
        bad = {"failures": moderators.c.failures + 1, "barred_until": barred}
        with self._database.transaction() as connection:
            connection.execute(mine.values({"failures": 0, "barred_until": None} if good else bad))

    def open_session(self, account: Moderator) -> tuple[str, Session]:
        """A new session and the token that its cookie carries, which cannot be read again."""
        token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        values = {"sha256": _digest(token), "moderator_id": account.id, "csrf": csrf}
        stale = console_sessions.c.created_at < db_now(-LONGEST_SECONDS)
        with self._database.transaction() as connection:
            connection.execute(sa.delete(console_sessions).where(stale))
            connection.execute(sa.insert(console_sessions).values(values))
        return token, Session(account, csrf)

    def session(self, token: str) -> Session | None:
        """The session of this token; None where it ended, idled too long, or its account is disabled."""
        table = console_sessions
        alive = sa.and_(table.c.seen_at > db_now(-IDLE_SECONDS), table.c.created_at > db_now(-LONGEST_SECONDS))
        mine = sa.and_(table.c.sha256 == _digest(token), alive, moderators.c.disabled_at.is_(None))
        late = (table.c.seen_at < db_now(-_TOUCH_SECONDS)).label("late")
        found = _accounts().add_columns(table.c.csrf, late).join(table, table.c.moderator_id == moderators.c.id)
        with self._database.reading() as connection:
            row = connection.execute(found.where(mine)).one_or_none()
        if row is None:
            return None
        if row.late:
            self._touch(token)
        return Session(_moderator(row), row.csrf)

    def end_session(self, token: str) -> None:
        """Signs a browser out."""
        with self._database.transaction() as connection:
            connection.execute(sa.delete(console_sessions).where(console_sessions.c.sha256 == _digest(token)))

    def _touch(self, token: str) -> None:
        mine = sa.update(console_sessions).where(console_sessions.c.sha256 == _digest(token))
        with self._database.transaction() as connection:
            connection.execute(mine.values(seen_at=db_now()))

    def _one(self, which: sa.ColumnElement[bool]) -> Moderator | None:
        with self._database.reading() as connection:
            row = connection.execute(_accounts().where(which)).one_or_none()
        return None if row is None else _moderator(row)


def _accounts() -> sa.Select[Any]:
    barred = sa.func.coalesce(moderators.c.barred_until > db_now(), sa.false()).label("is_barred")
    return sa.select(moderators, barred).select_from(moderators)


def _moderator(row: sa.Row[Any]) -> Moderator:
    return Moderator(
        row.id,
        row.name,
        Role(row.role),
        row.password,
        row.subject,
        row.failures,
        row.barred_until,
        row.created_at,
        row.disabled_at,
        bool(row.is_barred),
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
