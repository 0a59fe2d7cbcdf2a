"""What a caller's past says about a request: strikes, retries of what was refused, and when to cool down.

Pure judgement over strikes that the caller hands in. No prompt is needed for it: of each request an imprint is kept,
which tells whether two are alike and, without the service's secret, nothing else.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

from safety.behavior_schema import Behavior, RetryRule
from safety.policy import UNCHECKED
from safety.policy_schema import Category
from safety.text_normal import words
from safety.verdict import Action, Finding, Signal, Stage, Verdict

# Words that say nothing about what is asked for. "her" and "off" say much.
_FILLERS = frozenset(
    {"a", "an", "the", "of", "in", "on", "at", "to", "by", "with", "from", "and", "or", "for", "it", "its", "is", "are"}
    | {"be", "please", "just", "very"}
)
_STEM = 4
_WORD_BYTES = 4
# Scripts that write words without spaces begin here (CJK radicals); two neighbors are about a word.
_UNSPACED = 0x2E80
_BACKEND, _VERSION = "inpaintd", "1"
PROMPT, INPUT, RESULT, PERSON = "prompt", "input", "result", "person"
"""What a request was refused for."""


class Strike(Protocol):
    """What is on record of a refused request. `cause` is one of PROMPT, INPUT, RESULT and PERSON."""

    @property
    def age_seconds(self) -> float:
        """Since it was refused."""

    @property
    def weight(self) -> float:
        """See Behavior.weights."""

    @property
    def cause(self) -> str:
        """Why it was refused."""

    @property
    def words(self) -> str:
        """See Imprint."""

    @property
    def picture(self) -> str:
        """See Imprint."""


@dataclass(frozen=True, slots=True)
class Imprint:
    """A request as it may be recognized: keyed digests of its words, 8 hex digits each and sorted, and of its picture.

    The words are those a reader would see, shortened to their first letters, so that neither disguise nor grammar
    makes another request of it.
    """

    words: str
    picture: str

    @classmethod
    def of(cls, prompt: str, picture: bytes, key: bytes) -> "Imprint":
        """The imprint of a request; `key` is up to 64 bytes, and imprints of different keys have nothing in common."""
        return cls(words_of(prompt, key), picture_of(picture, key))


def words_of(prompt: str, key: bytes) -> str:
    """The part of an imprint that knows the words."""
    return "".join(sorted({blake2b(s.encode(), key=key, digest_size=_WORD_BYTES).hexdigest() for s in _stems(prompt)}))


def picture_of(picture: bytes, key: bytes) -> str:
    """The part of an imprint that knows the picture."""
    return blake2b(picture, key=key, digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Run:
    """So many strikes of a tenant fell on so many of its requests in a row."""

    strikes: int
    requests: int


@dataclass(frozen=True, slots=True)
class Charge:
    """A strike to be noted: what it weighs, and the rule and severity that it is for."""

    weight: float
    rule: str
    severity: int


def similarity(refused: str, then: str) -> float:
    """The share of the words of `refused` that `then` has as well, 0 to 1; both are Imprint.words.

    Not symmetric: what is added around the words does not hide them. Without any words, only the like is alike.
    """
    old, new = _digests(refused), _digests(then)
    return len(old & new) / len(old) if old else float(not new)


def charge(verdict: Verdict, rules: Behavior) -> Charge | None:
    """What is held against a caller for this refusal: the gravest of the findings that demand it.

    None where nothing is: a check that could not be carried out is nobody's fault but the service's.
    """
    demanding = (f for f in verdict.findings if f.action is verdict.action and f.category != UNCHECKED)
    charges = (Charge(_weight(f, rules), f.rule, f.severity) for f in demanding)
    return max((c for c in charges if c.weight > 0), key=lambda c: c.weight, default=None)


def seconds_to_wait(strikes: Sequence[Strike], rules: Behavior) -> float:
    """How long requests of the end-user who earned these strikes are still refused; 0 when they are not."""
    if weight_together(strikes, rules) < rules.cool_down.weight:
        return 0.0
    return max(0.0, rules.cool_down.minutes * 60.0 - min(strike.age_seconds for strike in strikes))


def weight_together(strikes: Sequence[Strike], rules: Behavior) -> float:
    """The weight of those strikes that still count."""
    return sum(strike.weight for strike in strikes if strike.age_seconds < rules.window_seconds)


def judge_behavior(
    imprint: Imprint, strikes: Sequence[Strike], run: Run | None, rules: Behavior, categories: Mapping[str, Category]
) -> tuple[tuple[Finding, ...], tuple[Signal, ...]]:
    """What the past says about a request: `strikes` are the caller's own, `run` is of the whole tenant."""
    counted = [strike for strike in strikes if strike.age_seconds < rules.window_seconds]
    findings: list[Finding] = []
    signals = [_signal(rules.cool_down.id, weight_together(counted, rules), rules.cool_down.weight)]
    for rule in rules.retries:
        alike = closest(imprint, counted, rule)
        signals.append(_signal(rule.id, alike, rule.similarity))
        if alike >= rule.similarity:
            findings.append(_finding(rule.id, categories[rule.category], rule.category, rule.action, rule.severity))
    tenant = rules.tenant
    if run is not None:
        signals.append(_signal(tenant.id, run.strikes / max(1, run.requests), tenant.share))
        if is_bad(run, rules):
            finding = _finding(tenant.id, categories[tenant.category], tenant.category, tenant.action, tenant.severity)
            findings.append(finding)
    return tuple(findings), tuple(signals)


def closest(imprint: Imprint, strikes: Sequence[Strike], rule: RetryRule) -> float:
    """How much the request resembles the most similar of those strikes that `rule` looks at; 0 without any."""
    looked_at = (s for s in strikes if _concerns(rule, s, imprint))
    return max((similarity(strike.words, imprint.words) for strike in looked_at), default=0.0)


def is_bad(run: Run, rules: Behavior) -> bool:
    """Whether the tenant rule applies to `run`."""
    return run.strikes >= rules.tenant.strikes and run.requests <= rules.tenant.requests


def _weight(finding: Finding, rules: Behavior) -> float:
    weight = rules.weights.get(finding.severity, 0.0)  # type: ignore[call-overload]
    return float(weight * (rules.result_share if finding.stage is Stage.RESULT else 1.0))


def _concerns(rule: RetryRule, strike: Strike, imprint: Imprint) -> bool:
    if rule.picture == "same":
        return strike.picture == imprint.picture
    return strike.cause == PROMPT and bool(strike.words)


def _stems(prompt: str) -> Iterator[str]:
    lattice, place = words(prompt), 0
    while place < len(lattice):
        # Parts that may be one word count as one: "re-move" is "remove".
        token = max(lattice[place], key=lambda token: token.width)
        place += max(1, token.width)
        word = min(token.readings, key=lambda reading: (not reading.isalpha(), len(reading), reading))
        if word and ord(word[0]) >= _UNSPACED:
            yield from (word[at : at + 2] for at in range(max(1, len(word) - 1)))
        elif word and word not in _FILLERS:
            yield word[:_STEM]


def _digests(digests: str) -> set[str]:
    size = 2 * _WORD_BYTES
    return {digests[at : at + size] for at in range(0, len(digests), size)}


def _signal(name: str, value: float, threshold: float) -> Signal:
    return Signal(name, value, threshold, _BACKEND, _VERSION)


def _finding(rule: str, category: Category, name: str, action: Action | None, severity: int | None) -> Finding:
    return Finding(
        rule=rule,
        category=name,
        severity=category.severity if severity is None else severity,
        stage=Stage.REQUEST,
        action=action or category.action,
        detail=category.message,
    )
