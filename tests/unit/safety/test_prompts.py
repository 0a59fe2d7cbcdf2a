import random

import pytest

from bench.prompt_disguises import DISGUISES
from bench.prompt_identities import unequal
from bench.prompt_policy import action_of, load_set, share, twins
from safety.checks import check_prompt
from safety.lexicon import Lexicons
from safety.policy import load_document
from safety.policy_schema import Example, PromptRule
from safety.verdict import Action, Stage
from tests.packaged import POLICY
from tests.unit.safety.phrases import ABUSIVE, BENIGN

DOCUMENT = load_document()[0]


def _rules(example: str | Example) -> set[str]:
    given = example if isinstance(example, Example) else Example(prompt=example)
    return {finding.rule for finding in check_prompt(given.prompt, given.negative_prompt, POLICY).findings}


@pytest.mark.parametrize("rule", DOCUMENT.prompt_rules, ids=lambda rule: str(rule.id))
def test_a_rule_applies_to_its_positive_examples_only(rule: PromptRule) -> None:
    assert [example for example in rule.positive if rule.id not in _rules(example)] == []
    assert [example for example in rule.negative if rule.id in _rules(example)] == []


@pytest.mark.parametrize("prompt", BENIGN)
def test_what_only_looks_bad_passes(prompt: str) -> None:
    assert check_prompt(prompt, "", POLICY).action is Action.ALLOW


@pytest.mark.parametrize(("category", "prompt"), [(c, p) for c, prompts in ABUSIVE.items() for p in prompts])
def test_abuse_is_seen_for_what_it_is(category: str, prompt: str) -> None:
    assert category in {finding.category for finding in check_prompt(prompt, "", POLICY).findings}


@pytest.mark.parametrize(("half", "least"), [("dev", 95), ("held_out", 95), ("unseen", 90)])
def test_the_rules_reach_their_figures_on_every_set(half: str, least: float) -> None:
    abusive, benign = load_set(half)
    seen = share(abusive, POLICY)
    assert seen >= least
    actions = [action_of(sample, POLICY) for sample in benign]
    assert actions.count(Action.BLOCK) <= 0.01 * len(benign)
    assert actions.count(Action.REVIEW) <= 0.03 * len(benign)
    some = random.Random(5).sample(abusive, 30)
    in_disguise = [share(twins(some, name), POLICY) for name in DISGUISES]
    assert share(some, POLICY) - sum(in_disguise) / len(in_disguise) <= 3


def test_groups_are_treated_alike() -> None:
    assert unequal(POLICY) <= 1


def test_the_span_is_the_place_in_the_prompt_as_submitted() -> None:
    prompt = "please, r\u200bemove h\u0435r c l o t h e s now"
    finding = next(f for f in check_prompt(prompt, "", POLICY).findings if f.rule == "prompt.nudify")
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


def test_an_excuse_far_away_excuses_nothing() -> None:
    excused = "anatomical drawing of severed limbs"
    assert check_prompt(excused, "", POLICY).action is Action.ALLOW
    far = "severed limbs on the ground of a green forest in the warm evening light, in soft warm colors, anatomical"
    assert check_prompt(far, "", POLICY).action is not Action.ALLOW


def test_the_test_patterns_own_prompt_passes() -> None:
    assert check_prompt("the inpaintd test pattern", "", POLICY).findings == ()


@pytest.mark.parametrize(
    "unit",
    ["remove her clothes nude child make ", "r e m o v e ", "nude-", "naked cake nude lipstick ", "裸", "h.e-r_"],
)
def test_the_work_grows_with_the_length_of_a_hostile_prompt_and_not_faster(unit: str) -> None:
    lexicons = Lexicons(DOCUMENT.lexicons, DOCUMENT.misspelled)
    short, long = (lexicons.sweep(unit * (length // len(unit))) for length in (1000, 4000))
    assert 0 < len(long.hits) <= 6 * len(short.hits) + 100
    assert long.steps <= 6 * short.steps + 100
