"""What a caller's past says about an order: read from SQL, judged by the policy."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection
from dataclasses import asdict, dataclass, field

import structlog

from safety.behavior import (
    PROMPT,
    Imprint,
    Run,
    charge,
    is_bad,
    judge_behavior,
    picture_of,
    seconds_to_wait,
    words_of,
)
from safety.policy import Policy
from safety.verdict import Action, Verdict
from storage.also import Row
from storage.emphasis import shown
from storage.job import NewJob
from storage.params import InpaintParams, PromptSyntax
from storage.recent import Recent
from storage.strike import Gate
from storage.strike_store import Past, StrikeStore, strike_row

log = structlog.get_logger(__name__)

# A caller's past is looked at with each of its requests. A strike that another process notes counts this much later.
PAST_SECONDS = 1.0
MOST_PASTS = 10_000


@dataclass(frozen=True, slots=True)
class Conduct:
    """Looks at callers' strikes. `secret` is that of the pseudonyms."""

    strikes: StrikeStore
    policy: Policy
    secret: str
    recent: Recent[tuple[str, str | None], Past] = field(default_factory=lambda: Recent(MOST_PASTS, PAST_SECONDS))

    def words(self, tenant_id: str, params: InpaintParams) -> str:
        """By what the words of a like request of the same tenant are recognized: see safety.behavior.Imprint.

        Another tenant's have nothing in common with them.
        """
        plain = params.prompt_syntax is PromptSyntax.PLAIN
        return words_of(params.prompt if plain else shown(params.prompt, "")[0], self._key(tenant_id))

    def picture(self, tenant_id: str, sha256: str) -> str:
        """The same for its picture, by the SHA-256 of the bytes in hex."""
        return picture_of(bytes.fromhex(sha256), self._key(tenant_id))

    def past(self, tenant_id: str, user: str | None) -> Past:
        """What is on record of the end-user `user` (a pseudonym), or else of the tenant. Raises DatabaseUnavailable."""
        caller = (tenant_id, user)
        return self.recent.get(caller) or self.recent.put(caller, self.pasts(tenant_id, [user])[user])

    def pasts(self, tenant_id: str, users: Collection[str | None]) -> dict[str | None, Past]:
        """The same for several callers of one tenant."""
        rules = self.policy.behavior
        return self.strikes.pasts(
            tenant_id,
            users,
            window_seconds=rules.window_seconds,
            limit=rules.looks_back,
            tenant_strikes=rules.tenant.strikes,
            requests=rules.tenant.requests,
        )

    def judge(self, tenant_id: str, past: Past, imprint: Imprint) -> Verdict:
        """What that says about a request."""
        rules = self.policy.behavior
        run = None if past.tenant_requests is None else Run(rules.tenant.strikes, past.tenant_requests)
        if run is not None and is_bad(run, rules):
            log.warning("tenant_strikes", tenant_id=tenant_id, **asdict(run))
        findings, signals = judge_behavior(imprint, past.strikes, run, rules, self.policy.categories)
        return Verdict.of(self.policy.label, findings, signals)

    def _key(self, tenant_id: str) -> bytes:
        return hmac.digest(self.secret.encode(), f"imprint\0{tenant_id}".encode(), hashlib.sha256)

    def gate(self) -> Gate:
        """Refuses an end-user who has to cool down."""
        rules = self.policy.behavior
        return Gate(rules.window_seconds, rules.looks_back, lambda strikes: seconds_to_wait(strikes, rules))

    def strike(self, new: NewJob, verdict: Verdict) -> tuple[Row, ...]:
        """The strike that goes with a request that is refused for its words; nothing for any other."""
        charged = charge(verdict, self.policy.behavior) if verdict.action is Action.BLOCK else None
        if charged is None:
            return ()
        self.recent.clear()  # before it is stored: whoever comes next looks again
        return (strike_row(new, PROMPT, **asdict(charged)),)
