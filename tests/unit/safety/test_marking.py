from dataclasses import replace
from pathlib import Path

import pytest

from safety.errors import MarkError, PolicyError
from safety.marking import UNMARKED_RULE, can_carry, refused_below, require_room, unmarked_findings
from safety.marking_schema import Marking, Scope, Unmarked
from safety.policy import PACKAGED, load_policy
from safety.verdict import Action
from tests.packaged import POLICY

WHOLE = (0, 0, 600, 400)


@pytest.mark.parametrize(
    ("marking", "size", "edit", "room"),
    [
        (Marking(), (64, 600), (0, 0, 8, 8), True),
        (Marking(), (63, 600), (0, 0, 63, 600), False),
        (Marking(smallest_side=128), (127, 600), WHOLE, False),
        (Marking(scope=Scope.EDIT), (600, 400), (10, 10, 110, 110), True),
        (Marking(scope=Scope.EDIT), (600, 400), (10, 10, 109, 400), False),
        (Marking(scope=Scope.EDIT), (128, 128), (0, 0, 64, 64), True),
        (Marking(scope=Scope.EDIT, smallest_side=96), (128, 128), (0, 0, 64, 64), False),
    ],
)
def test_a_mark_needs_room_where_the_policy_wants_it(
    marking: Marking, size: tuple[int, int], edit: tuple[int, int, int, int], room: bool
) -> None:
    assert can_carry(marking, size, edit) is room


def test_where_nothing_leaves_unmarked_what_is_too_small_is_refused_with_the_size_it_needs() -> None:
    assert refused_below(Marking()) == 64
    require_room(Marking(), (64, 64), (0, 0, 10, 10))
    with pytest.raises(MarkError, match="100 pixels"):
        require_room(Marking(scope=Scope.EDIT), (600, 400), (0, 0, 50, 50))


@pytest.mark.parametrize(
    ("below", "action"), [(Unmarked.REVIEW, Action.REVIEW), (Unmarked.CREDENTIALS_ONLY, Action.ALLOW)]
)
def test_what_leaves_without_a_mark_says_so(below: Unmarked, action: Action) -> None:
    policy = replace(POLICY, marking=Marking(below_smallest=below))
    assert refused_below(policy.marking) == 0
    require_room(policy.marking, (40, 40), (0, 0, 40, 40))
    (finding,) = unmarked_findings(policy, (40, 40), (0, 0, 40, 40))
    assert (finding.rule, finding.action) == (UNMARKED_RULE, action)
    assert "too small" in finding.detail
    assert not list(unmarked_findings(policy, (64, 64), (0, 0, 40, 40)))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("scope: frame", "scope: corner"), "marking.scope"),
        (("smallest_side: 64", "smallest_side: 32"), "marking.smallest_side"),
        (
            ("  below_smallest: refuse\n  category: unmarked", "  below_smallest: review\n  category: nothing"),
            "nothing",
        ),
    ],
)
def test_a_broken_section_names_its_line(tmp_path: Path, change: tuple[str, str], problem: str) -> None:
    text = PACKAGED.read_text()
    assert change[0] in text
    for other in PACKAGED.parent.glob("*.yaml"):
        (tmp_path / other.name).write_bytes(other.read_bytes())
    broken = tmp_path / PACKAGED.name
    broken.write_text(text.replace(*change))
    with pytest.raises(PolicyError, match=problem) as error:
        load_policy(broken)
    section = text[: text.index("\nmarking:")].count("\n") + 2
    assert error.value.line is not None
    assert section < error.value.line <= section + 4
