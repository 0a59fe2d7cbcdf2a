"""Every rule's own examples, run. Each section of the policy has a runner here; the tests run them and so can you."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from safety.behavior import PROMPT, Imprint, Run, is_bad, seconds_to_wait, similarity
from safety.behavior_schema import Behavior, PastExample
from safety.policy_schema import Example, PolicyDocument
from safety.prompts import PromptRules
from safety.scoring import applies, rule_for
from safety.signal_schema import RequiredSignal, ScoreExample, ScoreRule
from safety.yaml_lines import Place

_KINDS = (("positive", True), ("negative", False))
_MINUTE = 60.0
Ran = tuple[Place, str | None]
"""An example's place in the policy, and what is wrong with it; None where it is as it must be."""


def run_examples(document: PolicyDocument) -> Iterator[Ran]:
    """Runs every example of every rule."""
    for runner in RUNNERS:
        yield from runner(document)


def _prompts(document: PolicyDocument) -> Iterator[Ran]:
    rules = PromptRules(document.prompt_rules, document.categories, document.lexicons)
    for index, rule in enumerate(document.prompt_rules):
        for kind, must in _KINDS:
            for at, example in enumerate(getattr(rule, kind)):
                text = example if isinstance(example, Example) else Example(prompt=example)
                found = rules.judge(text.prompt, text.negative_prompt)
                does = any(finding.rule == rule.id for finding in found)
                yield _ran(("prompt_rules", index, kind, at), rule.id, repr(example), must=must, does=does)


def _scores(document: PolicyDocument) -> Iterator[Ran]:
    for section in ("input_signals", "result_signals"):
        for i, required in enumerate(getattr(document, section)):
            for j, rule in enumerate(required.rules):
                for kind, must in _KINDS:
                    for at, example in enumerate(getattr(rule, kind)):
                        does = _set_off(rule, required, example)
                        place = (section, i, "rules", j, kind, at)
                        yield _ran(place, rule.id, str(example.scores), must=must, does=does)


def _set_off(rule: ScoreRule, required: RequiredSignal, example: ScoreExample) -> bool:
    over = (c for c, score in example.scores.items() if score > rule.threshold)
    return any(rule_for(concept, required) is rule for concept in over)


def _combinations(document: PolicyDocument) -> Iterator[Ran]:
    for section in ("input_rules", "result_rules"):
        for index, rule in enumerate(getattr(document, section)):
            for kind, must in _KINDS:
                for at, example in enumerate(getattr(rule, kind)):
                    does = applies(rule, example.scores)
                    yield _ran((section, index, kind, at), rule.id, str(example.scores), must=must, does=does)


def _retries(document: PolicyDocument) -> Iterator[Ran]:
    for index, rule in enumerate(document.behavior.retries):
        for kind, must in _KINDS:
            for at, example in enumerate(getattr(rule, kind)):
                does = similarity(_words(example.refused), _words(example.then)) >= rule.similarity
                place = ("behavior", "retries", index, kind, at)
                yield _ran(place, rule.id, f"{example.refused!r}, then {example.then!r}", must=must, does=does)


def _pasts(document: PolicyDocument) -> Iterator[Ran]:
    rules = document.behavior
    for kind, must in _KINDS:
        for at, past in enumerate(getattr(rules.cool_down, kind)):
            does = seconds_to_wait(_strikes(past, rules), rules) > 0
            yield _ran(("behavior", "cool_down", kind, at), rules.cool_down.id, str(past), must=must, does=does)
        for at, run in enumerate(getattr(rules.tenant, kind)):
            does = is_bad(Run(run.strikes, run.requests), rules)
            yield _ran(("behavior", "tenant", kind, at), rules.tenant.id, str(run), must=must, does=does)


RUNNERS: tuple[Callable[[PolicyDocument], Iterator[Ran]], ...] = (_prompts, _scores, _combinations, _retries, _pasts)


def _ran(place: Place, rule: str, example: str, *, must: bool, does: bool) -> Ran:
    if must is does:
        return place, None
    wrong = "must apply and does not" if must else "must not apply and does"
    return place, f"{rule} {wrong}: {example}"


@dataclass(frozen=True, slots=True)
class _Strike:
    age_seconds: float
    weight: float
    cause: str = PROMPT
    words: str = ""
    picture: str = ""


def _strikes(past: PastExample, rules: Behavior) -> list[_Strike]:
    weights = [rules.weights.get(severity, 0.0) for severity in past.severities]
    return [_Strike(past.minutes_ago * _MINUTE, weight) for weight in weights if weight > 0]


def _words(prompt: str) -> str:
    return Imprint.of(prompt, b"", b"").words
