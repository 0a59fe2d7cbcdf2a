"""Where a case goes: its queue, how grave it is, and how long it may wait."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from safety.review_schema import Review
from safety.triage import place, triage
from safety.verdict import Action, Finding, Stage, Verdict, Waiver
from tests.packaged import POLICY

RULES: dict[str, Any] = {
    "hours": {0: 72, 2: 48, 4: 24, 6: 4},
    "queues": [
        {"name": "restricted", "severity": 6, "role": "lead"},
        {"name": "appeals", "kind": "appeal"},
        {"name": "hate", "kind": "held", "categories": ["demeaning", "hate_stereotype"]},
        {"name": "general"},
    ],
    "exposure": {"weights": {4: 2}, "hours": 1, "limit": 10, "break_minutes": 5},
}


def found(rule: str, category: str, severity: int, action: Action = Action.REVIEW) -> Finding:
    return Finding(rule, category, severity, Stage.REQUEST, action, "A sentence.")


@pytest.mark.parametrize(
    ("kind", "severity", "category", "queue"),
    [
        ("held", 6, "demeaning", "restricted"),
        ("appeal", 6, "gore", "restricted"),
        ("appeal", 4, "demeaning", "appeals"),
        ("held", 4, "demeaning", "hate"),
        ("report", 4, "demeaning", "general"),
        ("held", 2, "gore", "general"),
    ],
)
def test_the_first_queue_that_fits_wins(kind: str, severity: int, category: str, queue: str) -> None:
    assert Review(**RULES).queue_of(kind, severity, category).name == queue


def test_a_case_is_about_the_gravest_finding_that_asks_for_a_person() -> None:
    label = found("r.label", "factuality", 6, Action.LABEL)
    verdict = Verdict.of("p@1.0.0", [label, found("r.two", "self_harm", 2), found("r.four", "gore", 4)])
    made = triage(verdict, "held", POLICY)
    assert (made.rule, made.category, made.severity, made.queue) == ("r.four", "gore", 4, "general")
    rest = triage(verdict.waiving([Waiver(Stage.REQUEST, "r.four")]), "held", POLICY)
    assert rest.rule == "r.two", "what a person waived is not asked about again"
    with pytest.raises(ValueError, match="needs a finding"):
        triage(Verdict.of("p@1.0.0", []), "held", POLICY)


def test_the_graver_the_sooner() -> None:
    waits = [place("held", "gore", severity, "r", POLICY).seconds for severity in (0, 2, 4, 6)]
    assert waits == sorted(waits, reverse=True)
    assert waits[-1] == 4 * 3600.0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"hours": {0: 72, 2: 48, 4: 24}}, "nothing of severity 6"),
        ({"queues": [{"name": "appeals", "kind": "appeal"}]}, "must take every case"),
        ({"queues": [{"name": "general"}, {"name": "general"}]}, "the same name"),
    ],
)
def test_every_case_has_a_place(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Review(**{**RULES, **change})
