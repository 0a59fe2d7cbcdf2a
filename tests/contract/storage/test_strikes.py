"""Strikes in SQL: one for each refusal, read from an index, and a gate that nobody slips through in a crowd."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from storage import certainty
from storage.database import Database, db_now
from storage.errors import CoolingDown
from storage.failpoints import make_reach
from storage.job import JobState, NewJob
from storage.strike import Gate, Strike
from storage.strike_store import Past, StrikeStore, strike_row
from storage.strike_tables import strikes
from storage.submissions import Submissions
from tests.jobs import Desk, new_job, result

WINDOW = 3600.0
LIMIT = 3.0


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


@pytest.fixture
def store(database: Database) -> StrikeStore:
    return StrikeStore(database)


def seconds_to_wait(past: Sequence[Strike]) -> float:
    return 60.0 if sum(strike.weight for strike in past) >= LIMIT else 0.0


GATE = Gate(WINDOW, 10, seconds_to_wait)


def refused(tenant_id: str, user: str | None = "usr_1", weight: float = 1.0, **changes: Any) -> NewJob:
    """A request that is blocked, with its strike."""
    imprint = {"words": "00112233", "picture": "ab"}
    new = new_job(tenant_id, state=JobState.BLOCKED, user=user, imprint=imprint, gate=GATE, **changes)
    row = strike_row(new, "prompt", weight=weight, rule="prompt.rule", severity=4)
    return replace(new, also=(row,))


def past(store: StrikeStore, desk: Desk, user: str | None = "usr_1", **changes: Any) -> Past:
    asked = {"window_seconds": WINDOW, "limit": 10, "tenant_strikes": 3, "requests": 5, **changes}
    return store.past(desk.tenant_id, user, **asked)


def age(database: Database, seconds: float, *job_ids: str) -> None:
    """Has strikes been earned long ago."""
    with database.transaction() as connection:
        older = sa.update(strikes).values(at=db_now(-seconds))
        connection.execute(older.where(strikes.c.job_id.in_(job_ids)) if job_ids else older)


def test_a_strike_is_read_as_it_was_earned_by_whom_it_was_earned(
    desk: Desk, store: StrikeStore, database: Database
) -> None:
    job = desk.submissions.submit(refused(desk.tenant_id)).job
    (strike,) = past(store, desk).strikes
    assert (strike.job_id, strike.user, strike.weight, strike.cause) == (job.id, "usr_1", 1.0, "prompt")
    assert (strike.words, strike.picture, strike.rule, strike.severity) == ("00112233", "ab", "prompt.rule", 4)
    assert 0 <= strike.age_seconds < 60
    assert past(store, desk, None).strikes == past(store, desk, "usr_2").strikes == ()
    other = Desk(database, "other")
    other.submissions.submit(refused(other.tenant_id, user=None))
    assert len(past(store, other, None).strikes) == 1
    assert past(store, desk, None).strikes == ()


def test_the_newest_come_first_and_no_more_than_were_asked_for(
    desk: Desk, store: StrikeStore, database: Database
) -> None:
    made = [desk.submissions.submit(refused(desk.tenant_id, None)).job.id for _ in range(5)]
    for place, job_id in enumerate(made):
        age(database, 100.0 * (place + 1), job_id)
    assert [strike.job_id for strike in past(store, desk, None, limit=3).strikes] == made[:3]
    assert [strike.job_id for strike in past(store, desk, None, window_seconds=250.0).strikes] == made[:2]
    assert [round(strike.age_seconds / 100) for strike in past(store, desk, None).strikes] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("place", ["commit_answer", "before_commit"])
def test_a_doubtful_commit_and_its_copies_earn_one_strike(
    desk: Desk, store: StrikeStore, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(certainty, "reach", make_reach(f"{place}:raise"))
    known = {"idempotency_key": "k", "fingerprint": "f"}
    answers = [desk.submissions.submit(refused(desk.tenant_id, **known)) for _ in range(3)]
    assert [answer.replayed for answer in answers] == [False, True, True]
    assert len(past(store, desk).strikes) == 1


def test_a_job_that_a_worker_blocks_earns_one_strike_however_often_it_tries(
    desk: Desk, store: StrikeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.submit(user="usr_1")
    job = desk.claim_one()
    row = strike_row(job, "result", weight=1.5, rule="result.rule", severity=6)
    monkeypatch.setattr(certainty, "reach", make_reach("commit_answer:raise"))
    assert desk.jobs.block(job, result(job), [row])
    assert not desk.jobs.block(job, result(job), [row])
    (strike,) = past(store, desk).strikes
    assert (strike.job_id, strike.cause, strike.words) == (job.id, "result", "")


def test_a_worker_that_lost_the_job_earns_its_caller_nothing(desk: Desk, store: StrikeStore) -> None:
    desk.submit(user="usr_1")
    job = desk.claim_one()
    desk.jobs.release(job)
    assert not desk.jobs.block(job, result(job), [strike_row(job, "result", weight=1, rule="r.r", severity=4)])
    assert past(store, desk).strikes == ()


def test_the_gate_shuts_for_one_end_user_and_for_nobody_else(desk: Desk, store: StrikeStore) -> None:
    for _ in range(3):
        desk.submissions.submit(refused(desk.tenant_id))
    with pytest.raises(CoolingDown) as refusal:
        desk.submissions.submit(new_job(desk.tenant_id, user="usr_1", gate=GATE))
    assert refusal.value.retry_after == 60.0
    assert len(past(store, desk).strikes) == 3
    for user in ("usr_2", None):
        desk.submissions.submit(new_job(desk.tenant_id, user=user, gate=GATE))


def test_a_copy_is_answered_while_its_end_user_cools_down(desk: Desk) -> None:
    known = {"idempotency_key": "k", "fingerprint": "f"}
    first = desk.submissions.submit(refused(desk.tenant_id, weight=5.0, **known))
    again = desk.submissions.submit(refused(desk.tenant_id, weight=5.0, **known))
    assert (again.replayed, again.job.id) == (True, first.job.id)


def test_in_one_group_the_gate_counts_what_the_group_itself_earns(desk: Desk) -> None:
    group = [refused(desk.tenant_id) for _ in range(6)] + [refused(desk.tenant_id, "usr_2")]
    answers = desk.submissions.submit_many(group)
    assert [isinstance(answer, CoolingDown) for answer in answers] == [False] * 3 + [True] * 3 + [False]


def test_many_threads_do_not_slip_past_the_gate(desk: Desk, database: Database, store: StrikeStore) -> None:
    together, doors = threading.Barrier(8, timeout=30), [Submissions(database) for _ in range(2)]

    def send(n: int) -> bool:
        together.wait()
        try:
            doors[n % 2].submit(refused(desk.tenant_id))
        except CoolingDown:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(send, range(16))) == 3
    assert len(past(store, desk).strikes) == 3


def test_a_run_is_as_long_as_the_requests_since_the_first_of_the_last_strikes(desk: Desk, store: StrikeStore) -> None:
    def length() -> int | None:
        return past(store, desk).tenant_requests

    desk.submissions.submit(refused(desk.tenant_id, None))
    desk.submissions.submit(refused(desk.tenant_id, "usr_1"))
    assert length() is None, "not so many strikes"
    desk.submit()
    desk.submissions.submit(refused(desk.tenant_id, "usr_2"))
    assert length() == 4
    for expected in (5, 6, 6):
        desk.submit()
        assert length() == expected, "counted no further than it matters"


def test_what_was_taken_back_counts_for_nothing_and_stays_on_record(desk: Desk, store: StrikeStore) -> None:
    made = [desk.submissions.submit(refused(desk.tenant_id)).job.id for _ in range(3)]
    assert store.lift(desk.tenant_id, "overturned", job_id=made[0]) == 1
    assert store.lift(desk.tenant_id, "overturned", job_id=made[0]) == 0, "only once"
    assert [strike.job_id for strike in past(store, desk).strikes] == [made[2], made[1]]
    assert past(store, desk).tenant_requests is None
    desk.submissions.submit(new_job(desk.tenant_id, user="usr_1", gate=GATE))
    assert store.lift(desk.tenant_id, "a new start", user="usr_1") == 2
    page = store.page(desk.tenant_id, "usr_1", 10)
    assert [strike.lifted_why for strike in page] == ["a new start", "a new start", "overturned"]
    assert all(strike.lifted_at for strike in page)
    assert store.lift("somebody else", "", job_id=made[1]) == 0
    with pytest.raises(ValueError, match="end-user or a job"):
        store.lift(desk.tenant_id, "all")


def test_old_strikes_are_forgotten(desk: Desk, store: StrikeStore, database: Database) -> None:
    made = [desk.submissions.submit(refused(desk.tenant_id)).job.id for _ in range(3)]
    age(database, 5000.0, made[0])
    assert (store.forget(older_than_seconds=4000.0), store.forget(older_than_seconds=4000.0)) == (1, 0)
    assert len(store.page(desk.tenant_id, None, 10)) == 2


def test_strikes_are_read_from_an_index_and_never_by_going_through_the_table(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    desk, store = Desk(database), StrikeStore(database)
    plans: list[str] = []

    def explain(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            plan = connection.connection.driver_connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[3] for row in plan)

    sa.event.listen(database._engine, "before_cursor_execute", explain)
    for user in ("usr_1", None):
        desk.submissions.submit_many([refused(desk.tenant_id, user) for _ in range(2)])
        past(store, desk, user)
    database.close()
    looks = [plan for plan in plans if " strikes" in plan]
    assert {plan.partition(" USING ")[2].partition(" (")[0] for plan in looks} == {
        "INDEX ix_strikes_caller",
        "INDEX ix_strikes_tenant",
    }
    stretch = [plan for plan in plans if "ix_jobs_tenant " in plan]
    assert stretch
    assert all("COVERING" in plan for plan in stretch)
    assert not [plan for plan in plans if plan.startswith("SCAN strikes") or "TEMP B-TREE" in plan]
