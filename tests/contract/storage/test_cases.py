"""Cases are given to one person at a time and decided once, on SQLite and PostgreSQL alike."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from storage.case import Case, CaseKind, CaseState, Choice, Ruling
from storage.case_store import CaseFilter, CaseStore, Wanted, settle
from storage.database import Database
from storage.errors import CaseLost, CaseNotFound
from tests.cases import end_lease, open_case

ADA, BEA = (Wanted(name, ("general", "appeals")) for name in ("ada", "bea"))
REJECT = Ruling(Choice.REJECT, "policy", "prompt.gore", "not this")


@pytest.fixture
def store(database: Database) -> CaseStore:
    return CaseStore(database)


def given(store: CaseStore, wanted: Wanted = ADA) -> Case:
    case = store.next(wanted)
    assert case is not None
    return case


def decide(database: Database, case: Case) -> bool:
    with database.transaction() as connection:
        return settle(connection, case, REJECT)


def test_the_case_whose_time_ends_first_comes_first(store: CaseStore, database: Database) -> None:
    late, soon = open_case(database, seconds=7200.0), open_case(database, seconds=60.0)
    assert [given(store).id, given(store, BEA).id] == [soon.id, late.id]
    assert store.next(Wanted("cyd", ("general",))) is None


def test_whoever_asks_again_has_the_same_case(store: CaseStore, database: Database) -> None:
    open_case(database)
    open_case(database)
    first, again = given(store), given(store)
    assert again.id == first.id
    assert again.lease_no == first.lease_no + 1


def test_many_who_ask_at_once_are_given_different_cases(store: CaseStore, database: Database) -> None:
    known = {open_case(database).id for _ in range(12)}
    wanted = [Wanted(f"m{number}", ("general",)) for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(store.next, wanted))
    assert {case.id for case in found if case is not None} == known


def test_an_expired_lease_returns_the_case_and_voids_the_late_decision(store: CaseStore, database: Database) -> None:
    open_case(database)
    mine = given(store)
    end_lease(database, mine)
    theirs = given(store, BEA)
    assert theirs.id == mine.id
    assert not decide(database, mine)
    assert not store.renew(mine)
    assert decide(database, theirs)
    assert store.get(mine.id).decided_by == "bea"
    assert not decide(database, theirs), "a case is decided once"


def test_what_is_skipped_comes_back_to_others_alone(store: CaseStore, database: Database) -> None:
    case = open_case(database)
    assert store.skip(given(store), "I know the person")
    assert store.next(ADA) is None
    assert given(store, BEA).id == case.id


def test_nobody_confirms_what_they_proposed(store: CaseStore, database: Database) -> None:
    case = open_case(database, severity=6)
    assert store.propose(given(store), REJECT)
    assert store.next(ADA) is None
    with pytest.raises(CaseLost):
        store.take(case.id, "ada")
    seconded = given(store, BEA)
    assert (seconded.state, seconded.proposal, seconded.proposed_by) == (CaseState.PROPOSED, REJECT, "ada")
    assert decide(database, seconded)
    assert store.get(case.id).ruling == REJECT


def test_who_disagrees_passes_the_case_on(store: CaseStore, database: Database) -> None:
    case = open_case(database)
    store.propose(given(store), REJECT)
    assert store.disagree(given(store, BEA), "appeals")
    stored = store.get(case.id)
    assert (stored.state, stored.queue, stored.proposal, stored.lease_by) == (CaseState.OPEN, "appeals", None, None)


def test_an_appeal_never_goes_to_who_refused(store: CaseStore, database: Database) -> None:
    case = open_case(database, CaseKind.APPEAL, first_by="ada", words="Look again.", queue="appeals")
    assert store.next(ADA) is None
    with pytest.raises(CaseLost):
        store.take(case.id, "ada")
    assert given(store, BEA).words == "Look again."


def test_a_queue_and_a_category_can_be_left_out(store: CaseStore, database: Database) -> None:
    open_case(database, queue="restricted")
    open_case(database, category="gore")
    spared = open_case(database, category="demeaning")
    assert given(store, Wanted("ada", ("general",), without=("gore",))).id == spared.id


def test_pages_go_through_every_case_once(store: CaseStore, database: Database) -> None:
    known = [open_case(database, seconds=60.0 * (number % 3 + 1)).id for number in range(7)]
    seen: list[str] = []
    while page := store.page(CaseFilter(queues=["general"]), limit=3, cursor=seen[-1] if seen else None):
        seen += [case.id for case in page]
    assert sorted(seen) == sorted(known)
    assert store.waiting() == {"general": 7}


def test_an_unknown_case_is_said_to_be_unknown(store: CaseStore) -> None:
    with pytest.raises(CaseNotFound):
        store.get("case_none")
