"""Who shares the next UNet call."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.engine.batcher import Batcher


@dataclass(eq=False)
class Waiting:
    group: str
    rows: int
    left: int = 1


WAITING = st.builds(Waiting, st.sampled_from("abc"), st.sampled_from([1, 2]), st.integers(1, 5))


@given(st.lists(WAITING, max_size=12), st.integers(1, 8))
def test_batches_are_of_one_group_within_budget_and_everyone_finishes(members: list[Waiting], budget: int) -> None:
    batcher = Batcher[Waiting](budget)
    for member in members:
        batcher.add(member)
    for _ in range(sum(member.left for member in members)):
        batch = batcher.next_batch()
        assert len({member.group for member in batch}) <= 1
        assert sum(member.rows for member in batch) <= budget or len(batch) == 1
        for member in batch:
            member.left -= 1
            if member.left == 0:
                batcher.remove(member)
    assert batcher.next_batch() == []
    assert all(member.left == 0 for member in members)


def test_the_oldest_go_first() -> None:
    batcher = Batcher[Waiting](4)
    members = [Waiting("a", 2) for _ in range(4)]
    for member in members:
        batcher.add(member)
    assert batcher.next_batch() == members[:2]
    assert batcher.next_batch() == members[:2]
    batcher.remove(members[0])
    assert batcher.next_batch() == members[1:3]


def test_groups_take_turns() -> None:
    batcher = Batcher[Waiting](2)
    for group in "aaab":
        batcher.add(Waiting(group, 2))
    assert [batcher.next_batch()[0].group for _ in range(4)] == ["a", "b", "a", "b"]


def test_a_stranger_may_be_removed() -> None:
    batcher = Batcher[Waiting](2)
    batcher.remove(Waiting("a", 1))
    assert batcher.next_batch() == []


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="row_budget"):
        Batcher[Waiting](0)
