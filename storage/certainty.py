"""A commit whose answer was lost either took effect or did not. Reading tells, and only then is it tried again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa
import structlog

from storage.database import Database
from storage.errors import DatabaseUnavailable
from storage.failpoints import reach

log = structlog.get_logger(__name__)

T = TypeVar("T")
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0


def certainly(
    database: Database,
    work: Callable[[sa.Connection], T],
    outcome: Callable[[sa.Connection], T | None],
    seconds: float,
) -> T:
    """Runs `work` in a transaction and returns its answer, also when the connection breaks at the commit.

    :param work: must be safe to run again when `outcome` found nothing of it
    :param outcome: reads what `work` would have answered if it took effect, or None if it did not
    :param seconds: how long a database that is away is waited for
    Raises DatabaseUnavailable after that, when nothing is known, and whatever `work` raises.
    """
    deadline, pause = time.monotonic() + seconds, FIRST_PAUSE
    try:
        return _run(database, work)
    except DatabaseUnavailable as error:
        log.warning("commit_in_doubt", error=str(error))
    while True:
        time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  (spreads those who wait for the same database)
        pause = min(2 * pause, LONGEST_PAUSE)
        try:
            return _again(database, work, outcome)
        except DatabaseUnavailable:
            if time.monotonic() > deadline:
                raise


def _again(database: Database, work: Callable[[sa.Connection], T], outcome: Callable[[sa.Connection], T | None]) -> T:
    found = _read(database, outcome)
    if found is not None:
        return found
    try:
        answer = _run(database, work)
    except DatabaseUnavailable:
        raise
    except Exception:
        # The lost transaction may have landed between the look and this try, which then met its own work.
        if (found := _read(database, outcome)) is not None:
            return found
        raise
    found = _read(database, outcome)
    return answer if found is None else found


def _run(database: Database, work: Callable[[sa.Connection], T]) -> T:
    with database.transaction() as connection:
        answer = work(connection)
        reach("before_commit")
    reach("commit_answer")
    return answer


def _read(database: Database, outcome: Callable[[sa.Connection], T | None]) -> T | None:
    with database.reading() as connection:
        return outcome(connection)
