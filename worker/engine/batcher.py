"""Who shares the next UNet call. Knows no torch."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar

from worker.engine.budget import RowBudget


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

    @property
    def work(self) -> float:
        """Device time of one of its UNet calls, in any unit that is the same for all members."""
        ...


M = TypeVar("M", bound=Member)


class Batcher(Generic[M]):
    """Groups share the device's time; within a group the oldest go first, up to its row budget.

    The group that has had the least work done goes next, so a rare shape does not wait for a popular one, nor small
    pictures for large ones: of two groups that always wait, neither gets ahead by more than one call of each. A group
    that comes begins level with the least served, but remembers what it was ahead when it went, so that coming and
    going gains nothing (start-time fair queueing: Goyal, Vin, Cheng 1996). Oldest first within a group finishes jobs
    sooner on average than sharing among all, and starves nobody, because a newcomer is never older.
    """

    def __init__(self, budget: RowBudget) -> None:
        self._budget = budget
        self._groups: dict[Hashable, list[M]] = {}
        self._served: dict[Hashable, float] = {}

    def __len__(self) -> int:
        return sum(map(len, self._groups.values()))

    @property
    def rows(self) -> int:
        """Rows of all who wait."""
        return sum(member.rows for waiting in self._groups.values() for member in waiting)

    def add(self, member: M) -> None:
        """Let `member` take part from the next call on, as the youngest of its group."""
        if member.group not in self._groups:
            self._enter(member.group)
        self._groups[member.group].append(member)

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
        group = min(self._groups, key=self._served.__getitem__)
        batch: list[M] = []
        free = self._budget.limit(group)
        for member in self._groups[group]:
            if batch and member.rows > free:
                break
            batch.append(member)
            free -= member.rows
        self._served[group] += sum(member.work for member in batch)
        return batch

    def _enter(self, group: Hashable) -> None:
        """Level with the least served of those here; whoever went and is behind that level is forgotten."""
        level = min((self._served[here] for here in self._groups), default=0.0)
        if not self._groups:
            self._served.clear()
        self._served = {name: done for name, done in self._served.items() if name in self._groups or done > level}
        self._served.setdefault(group, level)
        self._groups[group] = []
