"""A batch as every package speaks of it: jobs that were sent in one body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from storage.job import TERMINAL, JobState

BATCH_FINISHED = "batch.finished"


class BatchStatus(StrEnum):
    """`open` while lines come, `closed` while its jobs go on, `finished` once the last of them has ended."""

    OPEN = "open"
    CLOSED = "closed"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Batch:
    """A row of `batches` as it was read.

    `round` counts how often it was sent; the four counts of lines and `complete` (its last line was read) are of the
    last time. A replayed line is one whose job an earlier copy of it had made.
    """

    id: str
    tenant_id: str
    round: int
    lines: int
    accepted: int
    replayed: int
    refused: int
    complete: bool
    metadata: dict[str, Any]
    created_at: datetime
    closed_at: datetime | None
    finished_at: datetime | None

    @property
    def status(self) -> BatchStatus:
        """Where it stands."""
        if self.finished_at is not None:
            return BatchStatus.FINISHED
        return BatchStatus.OPEN if self.closed_at is None else BatchStatus.CLOSED


@dataclass(frozen=True, slots=True)
class Tally:
    """How many jobs of a batch are in each state; a state that is missing has none."""

    states: Mapping[JobState, int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.states.values())

    @property
    def ended(self) -> int:
        """Those that will not change any more."""
        return sum(count for state, count in self.states.items() if state in TERMINAL)
