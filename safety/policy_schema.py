"""The shape of the policy file: what may be written in it, and nothing else."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from safety.behavior_schema import Behavior
from safety.entries import ENTRY_PATTERN
from safety.marking_schema import Marking
from safety.retention_schema import Retention
from safety.review_schema import Review
from safety.signal_schema import RequiredSignal, SignalRule
from safety.strict import RuleId, Severity, Strict
from safety.verdict import Action

Sentence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Entry = Annotated[str, StringConstraints(pattern=ENTRY_PATTERN)]


class Category(Strict):
    """A kind of misuse, what is done about it by default, and what the caller is told."""

    severity: Severity
    action: Action
    message: Sentence


class Example(Strict):
    """A request that a rule must, or must not, apply to."""

    prompt: str = ""
    negative_prompt: str = ""


class PromptRule(Strict):
    """Words that mean something together.

    Applies where each list of `all` (in the prompt) and of `negative_all` (in the negative prompt) has a hit within
    `within` words of one another, none of `not_between` among them, no list of `unless` has a hit within
    `unless_within` words of them, and none of `negative_unless` one in the negative prompt. `ordered` asks for the
    words in the order of the lists. A hit after a negation ("no blood") does not count unless `negations` is
    "ignored". `action` and `severity` default to those of the category.
    """

    id: RuleId
    category: str
    action: Action | None = None
    severity: Severity | None = None
    all: tuple[tuple[str, ...], ...] = ()
    negative_all: tuple[tuple[str, ...], ...] = ()
    negative_unless: tuple[str, ...] = ()
    not_between: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    unless_within: int = Field(default=15, ge=0, le=100)
    within: int = Field(default=8, ge=1, le=100)
    ordered: bool = False
    negations: Literal["respected", "ignored"] = "respected"
    positive: tuple[str | Example, ...] = Field(min_length=1)
    negative: tuple[str | Example, ...] = Field(min_length=1)


class PolicyDocument(Strict):
    """The whole file.

    `notices` names the categories whose sentence goes with every result, `misspelled` the word lists in whose words
    a slip of one letter is forgiven.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$")]
    version: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+$")]
    categories: dict[str, Category]
    notices: tuple[str, ...] = ()
    lexicons: dict[str, tuple[Entry, ...]]
    misspelled: tuple[str, ...] = ()
    prompt_rules: tuple[PromptRule, ...]
    input_signals: tuple[RequiredSignal, ...] = ()
    input_rules: tuple[SignalRule, ...] = ()
    result_signals: tuple[RequiredSignal, ...] = Field(min_length=1)
    result_rules: tuple[SignalRule, ...] = ()
    retention: Retention = Retention()
    behavior: Behavior
    marking: Marking = Marking()
    review: Review
