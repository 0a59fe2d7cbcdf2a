"""What is kept for how long: by kind of content, for everybody and for tenants that have rules of their own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

MOST_DAYS = 36500.0


class Kind(StrEnum):
    """Content that is erased by its age. Days count from the end of the job, unless something else is said here."""

    INPUTS = "inputs"
    """Pictures and masks that were sent with jobs; uploaded files, from the upload on."""
    RESULTS = "results"
    """Images that jobs made."""
    PROMPTS = "prompts"
    """Prompts, `metadata` and names in the job's row, kept answers, and what webhooks sent."""
    AUDIT = "audit"
    """Prompts and notes in the audit record, where that is sooner than `retention.prompts` of the policy."""
    EVENTS = "events"
    """The history of a job, but for how it ended."""
    CASES = "cases"
    """What callers and moderators wrote about a job, from the decision on."""
    BATCHES = "batches"
    """The `metadata` of a batch, from the end of the batch."""
    HELD = "held"
    """How long a job may wait for a person, from its submit; then it expires, and what lay in quarantine goes."""


OF_A_JOB = frozenset({Kind.INPUTS, Kind.RESULTS, Kind.PROMPTS, Kind.AUDIT, Kind.EVENTS})
"""What is erased by walking along the jobs that ended."""
CONTENT = frozenset({Kind.INPUTS, Kind.RESULTS, Kind.PROMPTS})
"""A job that has lost all of it counts as erased."""

Days = Mapping[Kind, float | None]
"""By kind; None, or a kind that is missing, keeps for ever."""


@dataclass(frozen=True, slots=True)
class Group:
    """Whom a rule is for: one tenant, or everybody but those who have a rule of their own."""

    tenant_id: str | None = None
    without: frozenset[str] = frozenset()

    def has(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        """Whether the tenant in `column` is one of them."""
        if self.tenant_id is not None:
            return column == self.tenant_id
        return column.not_in(sorted(self.without)) if self.without else sa.true()


@dataclass(frozen=True, slots=True)
class Rule:
    """Kinds that go together, `days` after what they are counted from."""

    group: Group
    days: float
    kinds: frozenset[Kind]


def rules_of(everybody: Days, own: Mapping[str, Days], kinds: frozenset[Kind]) -> list[Rule]:
    """The rules for `kinds`: of `everybody`, and by tenant id of those with rules of their `own`."""
    found: dict[tuple[Group, float], set[Kind]] = defaultdict(set)
    for kind in kinds:
        having = {tenant_id: days[kind] for tenant_id, days in own.items() if kind in days}
        groups = {Group(tenant_id): days for tenant_id, days in having.items()}
        groups[Group(without=frozenset(having))] = everybody.get(kind)
        for group, kept in groups.items():
            if kept is not None:
                found[group, kept].add(kind)
    return [Rule(group, days, frozenset(kinds)) for (group, days), kinds in found.items()]
