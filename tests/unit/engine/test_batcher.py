"""Who shares the next UNet call."""

import random
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from worker.engine.batcher import Batcher
from worker.engine.budget import RowBudget


@dataclass(eq=False)
class Waiting:
    group: str
    rows: int
    left: int = 1
    size: float = 1.0

    @property
    def work(self) -> float:
        return self.rows * self.size


WAITING = st.builds(Waiting, st.sampled_from("abc"), st.sampled_from([1, 2]), st.integers(1, 5))


@given(st.lists(WAITING, max_size=12), st.integers(1, 8))
def test_batches_are_of_one_group_within_budget_and_everyone_finishes(members: list[Waiting], budget: int) -> None:
    batcher = Batcher[Waiting](RowBudget(budget))
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
    batcher = Batcher[Waiting](RowBudget(4))
    members = [Waiting("a", 2) for _ in range(4)]
    for member in members:
        batcher.add(member)
    assert batcher.next_batch() == members[:2]
    assert batcher.next_batch() == members[:2]
    batcher.remove(members[0])
    assert batcher.next_batch() == members[1:3]


def test_groups_take_turns() -> None:
    batcher = Batcher[Waiting](RowBudget(2))
    for group in "aaab":
        batcher.add(Waiting(group, 2))
    assert [batcher.next_batch()[0].group for _ in range(4)] == ["a", "b", "a", "b"]


def test_a_stranger_may_be_removed() -> None:
    batcher = Batcher[Waiting](RowBudget(2))
    batcher.remove(Waiting("a", 1))
    assert batcher.next_batch() == []


SIZES = {"small": 1.0, "middle": 4.0, "large": 16.0}


def test_large_pictures_take_no_more_time_than_small_ones() -> None:
    batcher = Batcher[Waiting](RowBudget(2))
    for group, size in SIZES.items():
        batcher.add(Waiting(group, 2, size=size))
    taken = [batcher.next_batch()[0].group for _ in range(2 * (1 + 4 + 16))]
    assert {group: taken.count(group) for group in SIZES} == {"small": 32, "middle": 8, "large": 2}


def test_coming_and_going_gains_nothing() -> None:
    """A size whose pictures come one after another gets no more time than one whose pictures wait together."""
    batcher = Batcher[Waiting](RowBudget(2))
    for _ in range(3):
        batcher.add(Waiting("small", 2, size=SIZES["small"]))
    taken: list[str] = []
    member = Waiting("large", 2, size=SIZES["large"])
    batcher.add(member)
    for _ in range(2 * 17):
        batch = batcher.next_batch()
        taken.append(batch[0].group)
        if batch == [member]:
            batcher.remove(member)
            member = Waiting("large", 2, size=SIZES["large"])
            batcher.add(member)
    assert taken.count("large") == 2


@given(
    st.lists(st.tuples(st.sampled_from(list(SIZES)), st.sampled_from([1, 2]), st.integers(1, 6)), min_size=1),
    st.integers(2, 8),
    st.integers(0, 2**32),
)
def test_nobody_waits_longer_than_the_arithmetic_says(
    arrivals: list[tuple[str, int, int]], budget: int, seed: int
) -> None:
    """While a group waits, no other gets ahead of it by more than one call's work."""
    batcher = Batcher[Waiting](RowBudget(budget))
    order = random.Random(seed)
    waiting, done = list(arrivals), dict.fromkeys(SIZES, 0.0)
    since: dict[str, dict[str, float]] = {}
    here: list[Waiting] = []
    largest = budget * max(SIZES.values())
    while waiting or here:
        for group, rows, left in [waiting.pop() for _ in range(min(len(waiting), order.randint(0, 3)))]:
            here.append(Waiting(group, rows, left, SIZES[group]))
            batcher.add(here[-1])
            since.setdefault(group, dict(done))
        batch = batcher.next_batch()
        for member in batch:
            done[member.group] += member.work
            member.left -= 1
            if member.left == 0:
                batcher.remove(member)
                here.remove(member)
        groups = {member.group for member in here}
        since = {group: then for group, then in since.items() if group in groups}
        for group, then in since.items():
            mine = done[group] - then[group]
            for other in SIZES:
                assert done[other] - then[other] - mine <= 2 * largest
