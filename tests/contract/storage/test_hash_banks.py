"""Hash banks: what goes in comes out for the workers, once, and a change is noticed."""

from __future__ import annotations

import pytest

from storage.database import Database
from storage.hash_bank_store import HashBankStore, Known

A, B, C = "a" * 64, "b" * 64, "c" * 64


@pytest.fixture
def store(database: Database) -> HashBankStore:
    return HashBankStore(database)


def test_what_was_added_is_what_workers_load(store: HashBankStore) -> None:
    assert store.add([Known("known", [A, B, C], "reported"), Known("other", [B], "a list")], "ada") == 2
    first, second = store.all()
    assert (first.bank, first.hashes, first.reason, first.added_by) == ("known", (A, B, C), "reported", "ada")
    assert second.hashes == (B,)
    assert store.all("other") == [second]


def test_a_picture_is_in_a_bank_once(store: HashBankStore) -> None:
    store.add([Known("known", [A], "first")], "ada")
    assert store.add([Known("known", [A, B], "again"), Known("known", [C], "x"), Known("known", [C], "y")], "bo") == 1
    assert [(entry.hashes[0], entry.reason) for entry in store.all()] == [(A, "first"), (C, "y")]
    assert store.add([Known("other", [A], "another bank")], "bo") == 1


def test_every_change_is_a_new_edition(store: HashBankStore) -> None:
    seen = {store.edition()}
    for _ in range(2):
        store.add([Known("known", [A], "")], "ada")
        seen.add(store.edition())
        assert store.remove(store.all()[0].id)
    store.add([Known("known", [A], "")], "ada")
    seen.add(store.edition())
    assert len(seen) == 4
    assert store.edition() == store.edition()


def test_what_is_not_there_cannot_be_removed(store: HashBankStore) -> None:
    assert not store.remove("hbe_none")


def test_long_lists_go_in_whole(store: HashBankStore) -> None:
    many = [Known("known", [f"{number:064x}"], "list") for number in range(1203)]
    assert store.add(many, "ada") == 1203
    assert store.add(many, "ada") == 0
