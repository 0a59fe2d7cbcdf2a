"""What a caller's past says about an order: read from SQL, judged by the policy."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import asdict, dataclass

import structlog

from safety.behavior import PROMPT, Imprint, Run, charge, is_bad, judge_behavior, seconds_to_wait
from safety.policy import Policy
from safety.verdict import Action, Verdict
from storage.also import Row
from storage.emphasis import shown
from storage.job import NewJob
from storage.params import InpaintParams, PromptSyntax
from storage.strike import Gate
from storage.strike_store import StrikeStore, strike_row

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Conduct:
    """Looks at callers' strikes. `secret` is that of the pseudonyms."""

    strikes: StrikeStore
    policy: Policy
    secret: str

    def imprint(self, tenant_id: str, params: InpaintParams, picture: bytes) -> Imprint:
        """By what a like request of the same tenant is recognized; another tenant's has nothing in common with it."""
        key = hmac.digest(self.secret.encode(), f"imprint\0{tenant_id}".encode(), hashlib.sha256)
        plain = params.prompt_syntax is PromptSyntax.PLAIN
        return Imprint.of(params.prompt if plain else shown(params.prompt, "")[0], picture, key)

    def judge(self, tenant_id: str, user: str | None, imprint: Imprint) -> Verdict:
        """What the past of the end-user `user` (a pseudonym), or else of the tenant, says about a request.

        Raises DatabaseUnavailable.
        """
        rules = self.policy.behavior
        past = self.strikes.past(
            tenant_id,
            user,
            window_seconds=rules.window_seconds,
            limit=rules.looks_back,
            tenant_strikes=rules.tenant.strikes,
            requests=rules.tenant.requests,
        )
        run = None if past.tenant_requests is None else Run(rules.tenant.strikes, past.tenant_requests)
        if run is not None and is_bad(run, rules):
            log.warning("tenant_strikes", tenant_id=tenant_id, **asdict(run))
        findings, signals = judge_behavior(imprint, past.strikes, run, rules, self.policy.categories)
        return Verdict.of(self.policy.label, findings, signals)

    def gate(self) -> Gate:
        """Refuses an end-user who has to cool down."""
        rules = self.policy.behavior
        return Gate(rules.window_seconds, rules.looks_back, lambda strikes: seconds_to_wait(strikes, rules))

    def strike(self, new: NewJob, verdict: Verdict) -> tuple[Row, ...]:
        """The strike that goes with a request that is refused for its words; nothing for any other."""
        charged = charge(verdict, self.policy.behavior) if verdict.action is Action.BLOCK else None
        return () if charged is None else (strike_row(new, PROMPT, **asdict(charged)),)
