import json

import pytest

from safety.verdict import Action, Finding, Signal, Stage, Verdict, strictest

NUDE = Finding("prompt.nudify", "ncii_nudify", 6, Stage.REQUEST, Action.BLOCK, "No.", (0, 4))
MAP = Finding("prompt.factual_claim", "factuality", 2, Stage.REQUEST, Action.LABEL, "Not a fact.")
SCORE = Signal("concepts.concept_0@region", None, 0.0, "concepts", "1", "score is nan")


def test_strictness_rises_from_allow_to_block() -> None:
    for looser, stricter in zip(list(Action), list(Action)[1:], strict=False):
        assert strictest([stricter, looser]) is stricter
    assert strictest([]) is Action.ALLOW


def test_the_strictest_finding_decides() -> None:
    verdict = Verdict.of("p@1.0.0", [MAP, NUDE])
    assert verdict.action is Action.BLOCK
    assert verdict.deciding == NUDE


def test_nothing_decides_an_allowed_job() -> None:
    assert Verdict.of("p@1.0.0", []).deciding is None


def test_merging_keeps_everything_in_order() -> None:
    first = Verdict.of("p@1.0.0", [MAP])
    second = Verdict.of("p@1.0.1", [NUDE], [SCORE])
    merged = Verdict.merge(first, second)
    assert merged == Verdict(Action.BLOCK, "p@1.0.1", (MAP, NUDE), (SCORE,))


def test_merging_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Verdict.merge()


def test_the_callers_view_has_the_shape_of_the_interface() -> None:
    assert Verdict.of("p@1.0.0", [NUDE], [SCORE]).as_dict() == {
        "action": "block",
        "policy": "p@1.0.0",
        "findings": [
            {
                "rule": "prompt.nudify",
                "category": "ncii_nudify",
                "severity": 6,
                "stage": "request",
                "detail": "No.",
                "span": [0, 4],
            }
        ],
    }


def test_the_audit_record_survives_json() -> None:
    verdict = Verdict.of("p@1.0.0", [MAP, NUDE], [SCORE])
    assert Verdict.from_dict(json.loads(json.dumps(verdict.audit_dict()))) == verdict
