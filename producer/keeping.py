"""How long each kind of content is kept where a tenant has no rule of its own."""

from __future__ import annotations

from safety.policy import Policy
from storage.retention import CONTENT, Kind


def kept_days(policy: Policy, retention_days: float | None) -> dict[Kind, float | None]:
    """Days by kind, None for ever: what the policy says; else `retention_days`, for pictures and prompts."""
    said = policy.retention.jobs.model_dump()
    return {
        kind: retention_days if said.get(kind) is None and kind in CONTENT else said.get(kind)
        for kind in Kind
        if kind is not Kind.AUDIT
    }
