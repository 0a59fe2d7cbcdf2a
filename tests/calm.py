"""Sources of signals that see nothing remarkable, for tests of everything else."""

from __future__ import annotations

from safety.evidence import Evidence, Scores
from safety.policy import Policy

CALM = {"": {"nothing": 0.0}}


class CalmSource:
    """Answers at once."""

    version = "calm"

    def __init__(self, name: str) -> None:
        self.name = name

    def measure(self, evidence: Evidence) -> Scores:
        return CALM


def calm_sources(policy: Policy) -> tuple[CalmSource, ...]:
    """One for each source that the policy asks for, but for the model's own checker."""
    required = {r.source for r in (*policy.input_signals, *policy.result_signals)}
    return tuple(CalmSource(name) for name in sorted(required - {"concepts", "mask", "prompt"}))
