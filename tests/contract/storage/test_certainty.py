"""A commit whose answer was lost is resolved by reading, and tried again only if it did not take effect."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from storage import certainty
from storage.certainty import certainly
from storage.database import Database
from storage.errors import DatabaseUnavailable
from storage.failpoints import make_reach
from storage.tables import tenants

Reach = Callable[[str], None]


class Trial:
    """Adds a tenant, counting how often it was tried."""

    def __init__(self, database: Database) -> None:
        self.tries = 0
        self._database = database

    def work(self, connection: sa.Connection) -> str:
        self.tries += 1
        values = {"id": "tnt_1", "name": "acme", "created_at": sa.func.now()}
        connection.execute(sa.insert(tenants).values(values))
        return f"try {self.tries}"

    def outcome(self, connection: sa.Connection) -> str | None:
        return "found" if connection.scalar(sa.select(tenants.c.id)) is not None else None

    def run(self, seconds: float = 5.0) -> str:
        return certainly(self._database, self.work, self.outcome, seconds)

    def rows(self) -> int:
        with self._database.reading() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(tenants)) or 0


@pytest.fixture
def trial(database: Database) -> Trial:
    return Trial(database)


def fail_at(monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    """Arms a failpoint."""
    monkeypatch.setattr(certainty, "reach", make_reach(setting))


def test_without_trouble_it_runs_once(trial: Trial) -> None:
    assert (trial.run(), trial.tries, trial.rows()) == ("try 1", 1, 1)


def test_a_lost_answer_is_found_by_reading(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_at(monkeypatch, "commit_answer:raise")
    assert (trial.run(), trial.tries, trial.rows()) == ("found", 1, 1)


def test_a_lost_commit_is_tried_again(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_at(monkeypatch, "before_commit:raise")
    # Whether the answer is the second try's own or was read afterwards is the same to the caller.
    assert trial.run() in ("try 2", "found")
    assert (trial.tries, trial.rows()) == (2, 1)


def test_a_try_that_meets_its_own_earlier_work_is_found_too(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_at(monkeypatch, "commit_answer:raise")
    looks = iter([None])

    def late(connection: sa.Connection) -> str | None:
        return next(looks, trial_outcome(connection))

    trial_outcome = trial.outcome
    monkeypatch.setattr(trial, "outcome", late)
    assert (trial.run(), trial.tries, trial.rows()) == ("found", 2, 1)


def test_an_error_of_the_work_itself_is_raised_at_once(trial: Trial) -> None:
    trial.run()
    with pytest.raises(sa.exc.IntegrityError):
        trial.run()
    assert trial.tries == 2


def test_a_database_that_stays_away_is_given_up(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_name: str) -> None:
        raise DatabaseUnavailable("away")

    monkeypatch.setattr(certainty, "reach", away)
    monkeypatch.setattr(trial, "outcome", lambda _connection: None)
    monkeypatch.setattr(trial, "work", lambda _connection: "nothing")
    with pytest.raises(DatabaseUnavailable):
        trial.run(seconds=0.2)
