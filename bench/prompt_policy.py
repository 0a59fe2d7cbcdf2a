"""How well the prompt rules tell abuse from what only looks like it, in whatever disguise, and how fast.

    python -m bench.prompt_policy [--show]

Judges three sets of instructions (bench/prompt_sets): `dev`, on which the rules are worked out, `held_out` by the
same hand, and `unseen` by somebody who never saw a rule; the latter two are only measured. Abuse counts as seen when
it is reviewed or blocked. `--show` prints what was judged wrongly in `dev`. Times are milliseconds of one core.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from bench.prompt_disguises import DISGUISES
from bench.prompt_identities import unequal
from bench.targets import report
from safety.checks import check_prompt
from safety.policy import Policy, load_policy
from safety.verdict import Action
from storage.params import MAX_PROMPT_CHARS

_SETS = Path(__file__).with_name("prompt_sets")
_HELD = (Action.REVIEW, Action.BLOCK)
_HOSTILE = (
    "remove her clothes nude child make ",
    "r e m o v e ",
    "removeherclothesnow",
    "n.u-d_e",
    "nude-",
    "a",
    "а\u0301\u200b",
    "裸",
    "make him her the a an ",
    "naked cake nude lipstick ",
    "remvoe clohtes nakde ",
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One instruction, and the category or theme it was filed under."""

    kind: str
    prompt: str
    negative_prompt: str = ""


def load_set(half: str) -> tuple[list[Sample], list[Sample]]:
    """The abusive and the benign instructions of `dev` (in two files), `held_out` or `unseen`."""
    parts = [yaml.safe_load(path.read_text()) for path in sorted(_SETS.glob(f"{half}*.yaml"))]
    abusive, benign = ([s for part in parts for s in _samples(part[side])] for side in ("abusive", "benign"))
    return abusive, benign


def _samples(side: Mapping[str, Sequence[str]]) -> Iterator[Sample]:
    for kind, lines in side.items():
        for line in lines:
            prompt, _, negative = line.partition("//")
            yield Sample(kind, prompt.strip(), negative.strip())


def action_of(sample: Sample, policy: Policy) -> Action:
    """What the policy does about `sample`."""
    return check_prompt(sample.prompt, sample.negative_prompt, policy).action


def share(samples: Sequence[Sample], policy: Policy, actions: Sequence[Action] = _HELD) -> float:
    """How many percent of `samples` meet one of `actions`."""
    return 100 * sum(action_of(sample, policy) in actions for sample in samples) / len(samples)


def twins(samples: Sequence[Sample], disguise: str) -> list[Sample]:
    """`samples` with their prompts disguised; the same on every call."""
    dice = random.Random(disguise)
    change = DISGUISES[disguise]
    return [Sample(s.kind, change(s.prompt, dice), s.negative_prompt) for s in samples]


def _by_kind(title: str, samples: Sequence[Sample], policy: Policy) -> None:
    print(f"\n{title:<26} {'n':>4} {'allow':>6} {'review':>7} {'block':>6}   held")
    for kind in dict.fromkeys(s.kind for s in samples):
        actions = [action_of(s, policy) for s in samples if s.kind == kind]
        held = 100 * sum(a in _HELD for a in actions) / len(actions)
        if not held:
            continue
        counts = [actions.count(a) for a in (Action.ALLOW, Action.REVIEW, Action.BLOCK)]
        print(f"{kind:<26} {len(actions):4d} {counts[0]:6d} {counts[1]:7d} {counts[2]:6d} {held:6.1f}%")


def _wrong(abusive: Sequence[Sample], benign: Sequence[Sample], policy: Policy) -> Iterator[str]:
    for sample in (*abusive, *benign):
        verdict = check_prompt(sample.prompt, sample.negative_prompt, policy)
        if (verdict.action in _HELD) is not (sample in abusive):
            rules = ", ".join(f.rule for f in verdict.findings)
            yield f"{verdict.action:<7} {sample.kind:<24} {sample.prompt} {sample.negative_prompt} {rules}"


def _measure(half: str, policy: Policy, show: bool) -> list[tuple[str, float, str, float]]:
    abusive, benign = load_set(half)
    _by_kind(f"{half}: abuse", abusive, policy)
    _by_kind(f"{half}: benign, where held", benign, policy)
    print(*(_wrong(abusive, benign, policy) if show and half == "dev" else ()), sep="\n")
    recall = share(abusive, policy)
    seen = {name: share(twins(abusive, name), policy) for name in DISGUISES}
    print(f"{half}: seen in disguise: " + ", ".join(f"{name} {value:.1f}%" for name, value in seen.items()))
    return [
        # What nobody worked towards shows what to expect of strangers; a first figure, to be raised.
        (f"{half}: abuse seen, %", recall, ">=", 90.0 if half == "unseen" else 95.0),
        (f"{half}: lost by disguise, points", recall - sum(seen.values()) / len(seen), "<=", 3.0),
        (f"{half}: benign blocked, %", share(benign, policy, [Action.BLOCK]), "<=", 1.0),
        (f"{half}: benign reviewed, %", share(benign, policy, [Action.REVIEW]), "<=", 3.0),
    ]


def _times(samples: Sequence[Sample], policy: Policy) -> Iterator[float]:
    for sample in samples:
        started = time.thread_time()
        check_prompt(sample.prompt, sample.negative_prompt, policy)
        yield 1000 * (time.thread_time() - started)


def _speed(policy: Policy) -> list[tuple[str, float, str, float]]:
    plain = [s for half in ("dev", "held_out") for side in load_set(half) for s in side]
    disguised = [twin for name in DISGUISES for twin in twins(load_set("held_out")[0], name)]
    taken = sorted(_times([*plain, *disguised], policy))
    hostile = [Sample("", (line * MAX_PROMPT_CHARS)[:MAX_PROMPT_CHARS]) for line in _HOSTILE]
    for line, took in zip(_HOSTILE, _times(hostile, policy), strict=True):
        print(f"{MAX_PROMPT_CHARS} characters of {line!r}: {took:.1f} ms")
    return [
        ("ms a prompt, mean", sum(taken) / len(taken), "<=", 2.0),
        ("ms a prompt, 99th percentile", taken[int(0.99 * len(taken))], "<=", 2.0),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--show", action="store_true", help="print what was judged wrongly in `dev`")
    show = parser.parse_args().show
    policy = load_policy()
    speed = _speed(policy)
    rows = [row for half in ("dev", "held_out", "unseen") for row in _measure(half, policy, show)]
    print()
    return report([*rows, ("identity terms, points apart", unequal(policy), "<=", 1.0), *speed])


if __name__ == "__main__":
    raise SystemExit(main())
