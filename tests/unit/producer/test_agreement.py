"""The arithmetic of agreement and of times."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.moderation.agreement import hits, kappa, pairs
from producer.moderation.figures import Times, times
from storage.case import Choice
from storage.known_store import Judgement

WORDS = st.lists(st.tuples(st.sampled_from("ar"), st.sampled_from("ar")), min_size=1)


def test_kappa_is_the_one_of_the_textbook() -> None:
    both = [("a", "a")] * 20 + [("a", "r")] * 5 + [("r", "a")] * 10 + [("r", "r")] * 15
    assert kappa(both) == pytest.approx(0.4)


@given(WORDS)
def test_kappa_does_not_care_who_is_first_and_never_exceeds_one(both: list[tuple[str, str]]) -> None:
    assert kappa(both) == pytest.approx(kappa([(b, a) for a, b in both]))
    assert -1.0 <= kappa(both) <= 1.0
    assert (kappa(both) == 1.0) is all(a == b for a, b in both)


def said(item: str, moderator: str, choice: Choice) -> Judgement:
    return Judgement(item, moderator, choice, Choice.REJECT)


def test_pairs_are_of_those_who_judged_the_same() -> None:
    words = [said("x", "ada", Choice.REJECT), said("x", "bea", Choice.REJECT), said("y", "ada", Choice.APPROVE)]
    assert [(p.first, p.second, p.items, p.kappa) for p in pairs(words)] == [("ada", "bea", 1, 1.0)]
    assert [(h.moderator, h.judged, h.agreed) for h in hits(words)] == [("ada", 2, 1), ("bea", 1, 1)]


def test_times_are_by_nearest_rank() -> None:
    assert times([]) == Times(None, None)
    assert times([5.0]) == Times(5.0, 5.0)
    assert times(range(1, 101)) == Times(50, 95)
