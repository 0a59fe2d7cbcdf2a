"""The policy: which rules hold, what each category means, and proof of which file said so."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from safety.behavior_schema import Behavior
from safety.entries import lists_named
from safety.lexicon import PROPER_NAME
from safety.marking_schema import Marking, Unmarked
from safety.policy_files import PACKAGED, read_policy
from safety.policy_schema import Category, PolicyDocument
from safety.prompts import PromptRules
from safety.retention_schema import Retention
from safety.review_schema import Review
from safety.signal_schema import RequiredSignal, SignalRule
from safety.signal_sections import rules_on_signals, unmeasured
from safety.verdict import Action
from safety.yaml_lines import Place

UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of the rules. `sha256` is that of the bytes of its files, in hex."""

    name: str
    version: str
    sha256: str
    categories: Mapping[str, Category]
    notices: tuple[str, ...]
    prompt_rules: PromptRules
    input_signals: tuple[RequiredSignal, ...]
    input_rules: tuple[SignalRule, ...]
    result_signals: tuple[RequiredSignal, ...]
    result_rules: tuple[SignalRule, ...]
    retention: Retention
    behavior: Behavior
    marking: Marking
    review: Review

    @property
    def label(self) -> str:
        """What verdicts, receipts and records call this policy."""
        return f"{self.name}@{self.version}"


def load_policy(path: Path | None = None) -> Policy:
    """The policy in `path`, or the packaged one. Raises PolicyError, with the line, when it is broken."""
    source = PACKAGED if path is None else path
    document, sha256 = load_document(source)
    return Policy(
        name=document.name,
        version=document.version,
        sha256=sha256,
        categories=document.categories,
        notices=document.notices,
        prompt_rules=PromptRules(document.prompt_rules, document.categories, document.lexicons, document.misspelled),
        input_signals=document.input_signals,
        input_rules=document.input_rules,
        result_signals=document.result_signals,
        result_rules=document.result_rules,
        retention=document.retention,
        behavior=document.behavior,
        marking=document.marking,
        review=document.review,
    )


def load_document(path: Path = PACKAGED) -> tuple[PolicyDocument, str]:
    """The checked content of a policy file, examples included, and its SHA-256 in hex. Raises PolicyError.

    The hash covers the file of word lists too.
    """
    files = read_policy(path)
    try:
        document = PolicyDocument.model_validate(files.content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise files.broken(first["loc"], f"{where}: {first['msg']}") from error
    for place, problem in _inconsistencies(document):
        raise files.broken(place, problem)
    return document, files.sha256


def _inconsistencies(document: PolicyDocument) -> Iterator[tuple[Place, str]]:
    yield from _unknown_names(document)
    yield from _repeated_ids(document)
    yield from unmeasured(document)
    for index, rule in enumerate(document.prompt_rules):
        if not rule.all and not rule.negative_all:
            yield ("prompt_rules", index), f"{rule.id} asks for no words: give it `all` or `negative_all`."
    unchecked = document.categories.get(UNCHECKED)
    if unchecked is None or unchecked.action not in (Action.REVIEW, Action.BLOCK):
        yield ("categories", UNCHECKED), f"category `{UNCHECKED}` must exist, with action review or block."


def _unknown_names(document: PolicyDocument) -> Iterator[tuple[Place, str]]:
    for place, category in _categories_named(document):
        if category not in document.categories:
            yield place, f"there is no category `{category}`; add it under `categories`."
    for index, rule in enumerate(document.prompt_rules):
        groups = (*rule.all, *rule.negative_all, rule.not_between, rule.unless, rule.negative_unless)
        named = {name for group in groups for name in group}
        for name in sorted(named - document.lexicons.keys() - {PROPER_NAME}):
            yield ("prompt_rules", index), f"there is no word list `{name}`; add it under `lexicons`."
    for place, name in _lists_named(document):
        if name not in document.lexicons:
            yield place, f"there is no word list `{name}`; add it."


def _lists_named(document: PolicyDocument) -> Iterator[tuple[Place, str]]:
    for index, name in enumerate(document.misspelled):
        yield ("misspelled", index), name
    for owner, entries in document.lexicons.items():
        for index, entry in enumerate(entries):
            for name in lists_named(entry):
                yield ("lexicons", owner, index), name


def _categories_named(document: PolicyDocument) -> Iterator[tuple[Place, str]]:
    for index, notice in enumerate(document.notices):
        yield ("notices", index), notice
    for index, prompt_rule in enumerate(document.prompt_rules):
        yield ("prompt_rules", index, "category"), prompt_rule.category
    for place, rule in rules_on_signals(document):
        yield (*place, "category"), rule.category
    for index, retry in enumerate(document.behavior.retries):
        yield ("behavior", "retries", index, "category"), retry.category
    yield ("behavior", "tenant", "category"), document.behavior.tenant.category
    for index, queue in enumerate(document.review.queues):
        for category in queue.categories:
            yield ("review", "queues", index, "categories"), category
    for category in document.review.exposure.daily:
        yield ("review", "exposure", "daily", category), category
    if document.marking.below_smallest is not Unmarked.REFUSE:
        yield ("marking", "category"), document.marking.category


def _repeated_ids(document: PolicyDocument) -> Iterator[tuple[Place, str]]:
    seen: set[str] = set()
    for place, rule_id in _rule_ids(document):
        if rule_id in seen:
            yield place, f"the rule id `{rule_id}` is used twice; verdicts name rules, so give each its own."
        seen.add(rule_id)


def _rule_ids(document: PolicyDocument) -> Iterator[tuple[Place, str]]:
    for index, prompt_rule in enumerate(document.prompt_rules):
        yield ("prompt_rules", index, "id"), prompt_rule.id
    for place, rule in rules_on_signals(document):
        yield (*place, "id"), rule.id
    for index, retry in enumerate(document.behavior.retries):
        yield ("behavior", "retries", index, "id"), retry.id
    yield ("behavior", "tenant", "id"), document.behavior.tenant.id
    yield ("behavior", "cool_down", "id"), document.behavior.cool_down.id
