"""The start of a program, without searches for garbage."""

from __future__ import annotations

import gc

import pytest

from storage.loading import loading


def test_while_a_program_loads_nothing_is_searched_and_afterwards_only_what_is_new() -> None:
    with loading():
        assert not gc.isenabled()
        kept = [{"kept": number} for number in range(1000)]
    assert gc.isenabled()
    old, new = {id(one) for one in kept}, {"new": kept}
    searched = {id(one) for one in gc.get_objects()}
    assert old.isdisjoint(searched)
    assert id(new) in searched


def test_a_start_that_fails_leaves_the_search_on() -> None:
    with pytest.raises(LookupError), loading():
        raise LookupError
    assert gc.isenabled()
