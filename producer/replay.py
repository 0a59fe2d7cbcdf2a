"""Past decisions, made again under another policy: from the prompts and the signals that are on record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from producer.prompts import judge_prompts
from safety.policy import Policy
from safety.scoring import judge
from safety.signal_schema import RequiredSignal
from safety.verdict import Action, Finding, Signal, Stage, Verdict, Waiver
from storage.audit import Stage as AuditStage
from storage.audit_store import Record
from storage.params import InpaintParams, PromptSyntax

BEHAVIOR = "behavior."


@dataclass(frozen=True, slots=True)
class Replayed:
    """One decision. `after` is None where it cannot be made again, and `why_not` says why.

    `rules` are those behind the action now.
    """

    record: str
    subject: str
    stage: str
    before: str
    after: Action | None
    rules: tuple[str, ...] = ()
    why_not: str | None = None

    @property
    def changed(self) -> bool:
        """Whether it would come out otherwise."""
        return self.after is not None and self.before != self.after.value


@dataclass(frozen=True, slots=True)
class Difference:
    """Many decisions made again. `moved` counts those that differ, by action before and after; `reasons` the rest."""

    made: int
    changed: tuple[Replayed, ...]
    moved: dict[tuple[str, str], int]
    reasons: dict[str, int]


def difference(replayed: Iterable[Replayed]) -> Difference:
    """What would differ."""
    listed = list(replayed)
    changed = tuple(one for one in listed if one.changed)
    return Difference(
        sum(one.after is not None for one in listed),
        changed,
        dict(sorted(Counter((one.before, str(one.after)) for one in changed).items())),
        dict(sorted(Counter(one.why_not for one in listed if one.why_not).items())),
    )


class _CannotReplay(Exception):
    """What is on record does not suffice; the text says what is missing."""


def replay(records: Iterable[Record], policy: Policy) -> Iterator[Replayed]:
    """Every decision of a policy among `records`, under `policy`; people's decisions are left out.

    What a caller's past said stays as it was, for the past is not on record. Waivers hold as they did.
    """
    for record in records:
        content = record.content
        said = content["record"]
        if said is None:
            yield Replayed(record.id, record.subject, "?", "?", None, why_not="the record was erased")
        elif said["stage"] not in (AuditStage.REVIEW, AuditStage.ERASURE):
            yield _replayed(record, said, content["prompts"], policy)


def _replayed(record: Record, said: Mapping[str, Any], words: Mapping[str, Any] | None, policy: Policy) -> Replayed:
    known = (record.id, record.subject, said["stage"], said["action"])
    try:
        found = _of_prompt(said, words, policy) if said["stage"] == AuditStage.PROMPT else _of_pictures(said, policy)
    except _CannotReplay as reason:
        return Replayed(*known, None, why_not=str(reason))
    waived = [Waiver(Stage(waiver["stage"]), waiver["rule"]) for waiver in said["waived"]]
    verdict = found.waiving(waived)
    deciding = (finding.rule for finding in verdict.findings if finding.action is verdict.action)
    return Replayed(*known, verdict.action, tuple(dict.fromkeys(deciding)))


def _of_prompt(said: Mapping[str, Any], words: Mapping[str, Any] | None, policy: Policy) -> Verdict:
    if words is None or words["prompts"] is None:
        raise _CannotReplay("its prompts were erased")
    sent, used = words["prompts"]["submitted"], words["prompts"]["used"]
    # Where the syntax of weights took nothing away, it makes no difference.
    syntax = PromptSyntax.PLAIN if sent == used else PromptSyntax.A1111
    verdict = judge_prompts(InpaintParams(**sent, prompt_syntax=syntax), policy)
    past = [_finding(finding) for finding in said["findings"] if finding["rule"].startswith(BEHAVIOR)]
    return Verdict.of(policy.label, (*verdict.findings, *past))


def _of_pictures(said: Mapping[str, Any], policy: Policy) -> Verdict:
    signals = [Signal(**signal) for signal in said["signals"]]
    found = list(
        judge(_known(signals, policy.input_signals), policy.input_signals, policy.input_rules, policy, Stage.REQUEST)
    )
    if said["stage"] == AuditStage.RESULT:
        _known(signals, policy.result_signals)
        found += judge(signals, policy.result_signals, policy.result_rules, policy, Stage.RESULT)
    return Verdict.of(policy.label, found)


def _known(signals: list[Signal], required: Iterable[RequiredSignal]) -> list[Signal]:
    """The signals, once it is sure that all sources that are required now were asked then."""
    asked = {signal.name.partition(".")[0] for signal in signals}
    missing = sorted({one.source for one in required} - asked)
    if missing:
        raise _CannotReplay(f"no signals of {', '.join(missing)} are on record")
    return signals


def _finding(record: Mapping[str, Any]) -> Finding:
    return Verdict.from_dict({"action": "allow", "policy": "", "findings": [record], "signals": []}).findings[0]
