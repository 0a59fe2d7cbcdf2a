"""How many rows a UNet call may have, learned from the calls that did not fit. Knows no torch."""

from __future__ import annotations

from collections.abc import Hashable

FLOOR = 2
"""One picture with guidance: less cannot be run."""
PATIENCE = 200
"""Calls that must fit before a budget that was cut grows by one picture: about ten seconds of a busy GPU."""
LONGEST_PATIENCE = 100 * PATIENCE


class RowBudget:
    """A limit for all groups, and a smaller one for each group that ran out of memory with it.

    A group's limit is halved when a call does not fit and grows by FLOOR rows after `patience` calls that did, up to
    the limit for all. Memory that somebody else had taken for a while is so won back; where the limit is the
    device's own, each failure doubles the patience, so that the device is tried ever more rarely.
    """

    def __init__(self, rows: int) -> None:
        if rows < 1:
            raise ValueError(f"row_budget is {rows}; it must be at least 1")
        self._rows = rows
        self._cuts: dict[Hashable, _Cut] = {}

    def limit(self, group: Hashable) -> int:
        """Rows of the next call of `group` at most."""
        cut = self._cuts.get(group)
        return self._rows if cut is None else min(self._rows, cut.limit)

    def fitted(self, group: Hashable, rows: int) -> None:
        """A call of `rows` rows went through; only one that used the whole limit says anything."""
        cut = self._cuts.get(group)
        if cut is not None and rows > cut.limit - FLOOR and cut.limit < self._rows:
            cut.count_fit()

    def failed(self, group: Hashable, rows: int) -> int:
        """A call of `rows` rows ran out of memory. The new limit."""
        cut = self._cuts.setdefault(group, _Cut())
        cut.halve(rows)
        return cut.limit


class _Cut:
    def __init__(self) -> None:
        self.limit = 0
        self._patience = PATIENCE // 2
        self._fits = 0

    def halve(self, rows: int) -> None:
        self.limit = max(FLOOR, rows // 2)
        self._patience = min(LONGEST_PATIENCE, 2 * self._patience)
        self._fits = 0

    def count_fit(self) -> None:
        self._fits += 1
        if self._fits >= self._patience:
            self.limit += FLOOR
            self._fits = 0
