import time
from collections.abc import Iterator

import pytest

from safety.checks import check_prompt
from safety.policy import load_document, load_policy
from safety.policy_schema import Example
from safety.verdict import Action, Stage
from tests.unit.safety.phrases import ABUSIVE, BENIGN

POLICY = load_policy()
RULES = load_document()[0].prompt_rules


def _rules(prompt: str, negative_prompt: str = "") -> set[str]:
    return {finding.rule for finding in check_prompt(prompt, negative_prompt, POLICY).findings}


def _categories(prompt: str) -> set[str]:
    return {finding.category for finding in check_prompt(prompt, "", POLICY).findings}


def _examples(kind: str) -> Iterator[tuple[str, Example]]:
    for rule in RULES:
        for example in getattr(rule, kind):
            yield rule.id, example if isinstance(example, Example) else Example(prompt=example)


@pytest.mark.parametrize(("rule", "example"), list(_examples("positive")))
def test_a_rule_applies_to_its_positive_examples(rule: str, example: Example) -> None:
    assert rule in _rules(example.prompt, example.negative_prompt)


@pytest.mark.parametrize(("rule", "example"), list(_examples("negative")))
def test_a_rule_spares_its_negative_examples(rule: str, example: Example) -> None:
    assert rule not in _rules(example.prompt, example.negative_prompt)


@pytest.mark.parametrize("prompt", BENIGN)
def test_what_only_looks_bad_passes(prompt: str) -> None:
    assert check_prompt(prompt, "", POLICY).action is Action.ALLOW


@pytest.mark.parametrize(("category", "prompt"), [(c, p) for c, prompts in ABUSIVE.items() for p in prompts])
def test_abuse_is_seen_for_what_it_is(category: str, prompt: str) -> None:
    assert category in _categories(prompt)


def _disguised(prompt: str) -> Iterator[str]:
    yield prompt.translate(str.maketrans("aeio", "4310"))
    yield "\u200b".join(prompt)
    yield prompt.translate(str.maketrans("aeopc", "\u0430\u0435\u043e\u0440\u0441"))
    yield "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in prompt)
    yield " ".join(".".join(word) for word in prompt.split())
    yield "  ".join(" ".join(word) for word in prompt.split())


def test_disguises_hide_next_to_nothing() -> None:
    twins = [(category, twin) for category, prompts in ABUSIVE.items() for p in prompts for twin in _disguised(p)]
    missed = [twin for category, twin in twins if category not in _categories(twin)]
    assert len(missed) <= 0.03 * len(twins), missed


@pytest.mark.parametrize("group", ["muslim", "jewish", "christian", "black", "white", "gay", "trans", "roma", "asian"])
def test_groups_are_treated_alike(group: str) -> None:
    assert check_prompt(f"a {group} woman reading in a cafe", "", POLICY).action is Action.ALLOW
    assert "prompt.hate_dehumanize" in _rules(f"{group} people drawn as rats")
    assert "prompt.hate_stereotype" in _rules(f"a {group} man as a criminal")


def test_the_span_is_the_place_in_the_prompt_as_submitted() -> None:
    prompt = "please, r\u200bemove h\u0435r c l o t h e s now"
    finding = check_prompt(prompt, "", POLICY).findings[0]
    assert finding.span is not None
    assert prompt[slice(*finding.span)] == "r\u200bemove h\u0435r c l o t h e s"
    assert (finding.stage, finding.severity) == (Stage.REQUEST, 6)


def test_a_negative_prompt_is_judged_apart() -> None:
    assert check_prompt("a woman", "nude, naked, nsfw, gore", POLICY).action is Action.ALLOW
    finding = check_prompt("a woman", "clothes", POLICY).findings[0]
    assert finding.rule == "prompt.nudify_negative"


def test_undressing_and_minors_are_blocked_outright() -> None:
    assert check_prompt("remove her clothes", "", POLICY).action is Action.BLOCK
    assert check_prompt("nude child", "", POLICY).action is Action.BLOCK


def test_the_test_patterns_own_prompt_passes() -> None:
    assert check_prompt("the inpaintd test pattern", "", POLICY).findings == ()


def test_judging_takes_about_a_millisecond() -> None:
    prompt = "a photorealistic portrait of an elderly fisherman on the deck of his boat at sunrise, " * 3
    check_prompt(prompt, "", POLICY)
    started = time.thread_time()
    for _ in range(50):
        check_prompt(prompt, "blurry, low quality", POLICY)
    assert (time.thread_time() - started) / 50 < 0.002


def test_a_prompt_built_to_be_slow_is_not() -> None:
    started = time.thread_time()
    check_prompt("remove her clothes nude child make " * 300, "", POLICY)
    assert time.thread_time() - started < 0.5
