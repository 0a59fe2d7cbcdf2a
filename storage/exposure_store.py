"""What each moderator has seen, so that nobody has to see too much of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from storage.also import Row, add_rows
from storage.case import Case
from storage.case_tables import exposures
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

    def note(self, moderator: str, case: Case, also: Sequence[Row] = ()) -> None:
        """The case was revealed to the moderator; counted once, however often. `also` are rows for the same commit."""
        values = {"moderator": moderator, "case_id": case.id, "category": case.category, "severity": case.severity}
        known = sa.and_(exposures.c.moderator == moderator, exposures.c.case_id == case.id)
        with self._database.transaction() as connection:
            if connection.scalar(sa.select(exposures.c.case_id).where(known)) is None:
                connection.execute(sa.insert(exposures).values(values))
            add_rows(connection, also)

    def knows(self, moderator: str, case_id: str) -> bool:
        """Whether the case was revealed to the moderator."""
        mine = sa.and_(exposures.c.moderator == moderator, exposures.c.case_id == case_id)
        with self._database.reading() as connection:
            return connection.scalar(sa.select(exposures.c.case_id).where(mine)) is not None

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
