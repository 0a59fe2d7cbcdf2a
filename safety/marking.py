"""Which results can carry the mark, by the policy, and what it means for the others."""

from __future__ import annotations

from collections.abc import Iterator

from safety.errors import MarkError
from safety.mark_sight import period
from safety.marking_schema import Marking, Scope, Unmarked
from safety.policy import Policy
from safety.verdict import Action, Finding, Stage

UNMARKED_RULE = "marking.too_small"
Box = tuple[int, int, int, int]


def smallest_side(marking: Marking, size: tuple[int, int]) -> int:
    """How many pixels each side of what is marked needs, in a picture of `size`."""
    if marking.scope is Scope.FRAME:
        return marking.smallest_side
    # A part of a tile has not room for all bits.
    return max(marking.smallest_side, round(period(size)))


def can_carry(marking: Marking, size: tuple[int, int], edit: Box) -> bool:
    """Whether a result of `size`, of which `edit` was repainted, has room for a mark where the policy wants it."""
    left, top, right, bottom = edit
    sides = size if marking.scope is Scope.FRAME else (right - left, bottom - top)
    return min(sides) >= smallest_side(marking, size) and min(size) >= marking.smallest_side


def refused_below(marking: Marking) -> int:
    """The side in pixels below which no picture is taken, whatever is edited in it; 0 where all are."""
    return marking.smallest_side if marking.below_smallest is Unmarked.REFUSE else 0


def require_room(marking: Marking, size: tuple[int, int], edit: Box) -> None:
    """Raises MarkError where the mark has no room and the policy lets nothing leave without it."""
    if marking.below_smallest is Unmarked.REFUSE and not can_carry(marking, size, edit):
        what = "picture" if marking.scope is Scope.FRAME else "repainted area"
        raise MarkError(
            f"The {what} is too small for the invisible mark, without which nothing leaves here: it needs "
            f"{smallest_side(marking, size)} pixels on each side."
        )


def unmarked_findings(policy: Policy, size: tuple[int, int], edit: Box) -> Iterator[Finding]:
    """What is said of a result that leaves without a mark: nothing of one that carries it."""
    marking = policy.marking
    if marking.below_smallest is Unmarked.REFUSE or can_carry(marking, size, edit):
        return
    category = policy.categories[marking.category]
    yield Finding(
        rule=UNMARKED_RULE,
        category=marking.category,
        severity=category.severity,
        stage=Stage.RESULT,
        action=Action.REVIEW if marking.below_smallest is Unmarked.REVIEW else Action.ALLOW,
        detail=category.message,
    )
