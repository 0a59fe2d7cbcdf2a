"""Accounts of moderators, their sessions and what they have seen, on SQLite and PostgreSQL alike."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from storage.database import Database, db_now
from storage.errors import ModeratorNotFound, NameTaken
from storage.exposure_store import ExposureStore
from storage.moderator_store import FREE_FAILURES, IDLE_SECONDS, ModeratorStore, Role
from storage.moderator_tables import console_sessions
from tests.cases import open_case


@pytest.fixture
def store(database: Database) -> ModeratorStore:
    return ModeratorStore(database)


def age(database: Database, **seconds: float) -> None:
    with database.transaction() as connection:
        connection.execute(sa.update(console_sessions).values({name: db_now(-s) for name, s in seconds.items()}))


def test_a_name_is_given_once(store: ModeratorStore) -> None:
    store.add("ada", Role.LEAD, password="hash")
    with pytest.raises(NameTaken):
        store.add("ada", Role.REVIEWER)
    with pytest.raises(ModeratorNotFound):
        store.named("bea")
    assert [(one.name, one.role) for one in store.all()] == [("ada", Role.LEAD)]


def test_a_session_lives_until_it_idles_or_is_ended(store: ModeratorStore, database: Database) -> None:
    token, opened = store.open_session(store.add("ada", Role.REVIEWER))
    found = store.session(token)
    assert found is not None
    assert (found.moderator.name, found.csrf) == ("ada", opened.csrf)
    age(database, seen_at=IDLE_SECONDS / 2)
    assert store.session(token) is not None
    age(database, created_at=IDLE_SECONDS * 2)
    assert store.session(token) is not None, "looking in keeps a session awake"
    age(database, seen_at=IDLE_SECONDS + 1)
    assert store.session(token) is None
    second, _ = store.open_session(store.named("ada"))
    store.end_session(second)
    assert store.session(second) is None


def test_a_session_ends_with_its_day_however_busy(store: ModeratorStore, database: Database) -> None:
    token, _ = store.open_session(store.add("ada", Role.REVIEWER))
    age(database, created_at=12 * 3600 + 1)
    assert store.session(token) is None


def test_the_table_of_sessions_signs_nobody_in(store: ModeratorStore, database: Database) -> None:
    token, _ = store.open_session(store.add("ada", Role.REVIEWER))
    with database.reading() as connection:
        rows = str(connection.execute(sa.select(console_sessions)).all())
    assert token not in rows


@pytest.mark.parametrize("change", [{"disabled": True}, {"password": "new"}, {"role": Role.AUDITOR}])
def test_what_changes_an_account_signs_it_out(store: ModeratorStore, change: dict[str, object]) -> None:
    token, _ = store.open_session(store.add("ada", Role.REVIEWER, password="old"))
    store.change("ada", **change)  # type: ignore[arg-type]
    assert store.session(token) is None


def test_failures_in_a_row_bar_the_account_for_longer_and_longer(store: ModeratorStore) -> None:
    account = store.add("ada", Role.REVIEWER, password="hash")
    for _ in range(FREE_FAILURES):
        store.note_sign_in(store.named("ada"), good=False)
    assert not store.named("ada").is_barred
    store.note_sign_in(store.named("ada"), good=False)
    assert store.named("ada").is_barred
    store.note_sign_in(account, good=True)
    assert not store.named("ada").is_barred


def test_a_case_counts_once_for_who_saw_it(database: Database) -> None:
    seen, case = ExposureStore(database), open_case(database, severity=6, category="gore")
    assert seen.revealed("ada", case.id) == frozenset()
    for which in ("input", "input", "result-0"):
        seen.note("ada", case, which)
    seen.note("ada", open_case(database, severity=2, category="demeaning"), "input")
    found = seen.seen("ada", 3600.0)
    assert (found.by_severity, found.by_category) == ({6: 1, 2: 1}, {"gore": 1, "demeaning": 1})
    assert found.seconds_ago is not None
    assert seen.revealed("ada", case.id) == {"input", "result-0"}
    assert seen.seen("bea", 3600.0).by_severity == {}
