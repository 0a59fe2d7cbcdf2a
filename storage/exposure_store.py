"""What each moderator has seen, so that nobody has to see too much of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from storage.also import Row, add_rows
from storage.case import Case
from storage.case_tables import exposures, reveals
from storage.database import Database, db_now

_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Seen:
    """Cases revealed to a moderator: how many of each severity in the window, of each category in 24 hours.

    `seconds_ago` is the age of the newest, None where there is none.
    """

    by_severity: dict[int, int]
    by_category: dict[str, int]
    seconds_ago: float | None


class ExposureStore:
    """Notes and counts what was revealed. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, moderator: str, case: Case, picture: str, also: Sequence[Row] = ()) -> None:
        """A picture of the case was revealed to the moderator. A case counts once, however much of it is looked at.

        `also` are rows for the same commit.
        """
        whose = {"moderator": moderator, "case_id": case.id}
        with self._database.transaction() as connection:
            _once(connection, exposures, whose, {"category": case.category, "severity": case.severity})
            _once(connection, reveals, whose | {"picture": picture}, {})
            add_rows(connection, also)

    def revealed(self, moderator: str, case_id: str) -> frozenset[str]:
        """The names of the pictures of the case that were revealed to the moderator."""
        mine = sa.and_(reveals.c.moderator == moderator, reveals.c.case_id == case_id)
        with self._database.reading() as connection:
            return frozenset(connection.scalars(sa.select(reveals.c.picture).where(mine)))

    def seen(self, moderator: str, window_seconds: float) -> Seen:
        """What the moderator has seen lately."""
        mine, at = exposures.c.moderator == moderator, exposures.c.at
        by_severity = sa.select(exposures.c.severity, sa.func.count()).where(mine, at > db_now(-window_seconds))
        by_category = sa.select(exposures.c.category, sa.func.count()).where(mine, at > db_now(-_DAY))
        newest = sa.select(at, sa.type_coerce(db_now(), exposures.c.at.type)).where(mine).order_by(at.desc()).limit(1)
        with self._database.reading() as connection:
            severities = {row[0]: row[1] for row in connection.execute(by_severity.group_by(exposures.c.severity))}
            categories = {row[0]: row[1] for row in connection.execute(by_category.group_by(exposures.c.category))}
            last = connection.execute(newest).one_or_none()
        return Seen(severities, categories, None if last is None else (last[1] - last[0]).total_seconds())


def _once(connection: sa.Connection, table: sa.Table, key: dict[str, str], values: dict[str, Any]) -> None:
    known = sa.select(sa.literal(1)).select_from(table).where(*(table.c[name] == key[name] for name in key))
    if connection.scalar(known) is None:
        connection.execute(sa.insert(table).values(**key, **values))
