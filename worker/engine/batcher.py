"""Who shares the next UNet call. Knows no torch."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar


class Member(Protocol):
    """Something that waits for UNet steps."""

    @property
    def group(self) -> Hashable:
        """Members of equal group fit into one UNet call: same latent shape, same embedding length."""
        ...

    @property
    def rows(self) -> int:
        """Rows of the UNet call that this member takes: 2 with guidance, else 1."""
        ...


M = TypeVar("M", bound=Member)


class Batcher(Generic[M]):
    """Groups take turns; within a group the oldest go first, up to `row_budget` rows.

    Turns between groups keep a rare shape from waiting for a popular one. Oldest first within a group finishes
    jobs sooner on average than sharing among all, and starves nobody, because a newcomer is never older.
    """

    def __init__(self, row_budget: int) -> None:
        if row_budget < 1:
            raise ValueError(f"row_budget is {row_budget}; it must be at least 1")
        self._row_budget = row_budget
        self._groups: OrderedDict[Hashable, list[M]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._groups.values()))

    @property
    def rows(self) -> int:
        """Rows of all who wait."""
        return sum(member.rows for waiting in self._groups.values() for member in waiting)

    def add(self, member: M) -> None:
        """Let `member` take part from the next call on, as the youngest of its group."""
        self._groups.setdefault(member.group, []).append(member)

    def remove(self, member: M) -> None:
        """Let `member` go, wherever it stands; one that is not here is ignored."""
        waiting = self._groups.get(member.group, [])
        if member in waiting:
            waiting.remove(member)
        if not waiting:
            self._groups.pop(member.group, None)

    def next_batch(self) -> list[M]:
        """The members of the next UNet call, oldest first; empty when nobody waits.

        The first member always goes, even if it alone exceeds the budget: it would never run otherwise.
        """
        if not self._groups:
            return []
        group, waiting = next(iter(self._groups.items()))
        self._groups.move_to_end(group)
        batch: list[M] = []
        free = self._row_budget
        for member in waiting:
            if batch and member.rows > free:
                break
            batch.append(member)
            free -= member.rows
        return batch
