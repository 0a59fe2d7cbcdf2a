"""THE WAY IN: resolve, judge, check, store, commit, ring. Every door of the producer ends here."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import structlog

from producer.conduct import Conduct
from producer.errors import Refusal
from producer.evidence import prompt_decision
from producer.fingerprint import fingerprint_of
from producer.fitness import refuse_unfit
from producer.inputs import Inputs, InputShelf
from producer.order import Order, UrlRef
from producer.outbound.addresses import AddressGuard, AddressRefused
from producer.prompts import judge_prompts
from producer.pseudonyms import pseudonym
from safety.behavior import Imprint
from safety.policy import Policy
from safety.triage import triage
from safety.verdict import Action, Verdict
from storage.also import Row
from storage.audit_rows import audit_row
from storage.broker import Doorbell
from storage.case import CaseKind
from storage.case_rows import case_row
from storage.copies import Trace
from storage.failpoints import reach
from storage.ids import new_id
from storage.intake import Submitted
from storage.job import HeldAt, JobState, NewJob
from storage.models import ModelDescriptor
from storage.params import MAX_SEED
from storage.submissions import Submissions
from storage.webhook_store import WebhookStore

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Submitter:
    """Turns orders into stored jobs. Safe to call from many threads."""

    submissions: Submissions
    shelf: InputShelf
    doorbell: Doorbell
    policy: Policy
    models: Mapping[str, ModelDescriptor]
    conduct: Conduct
    user_secret: str
    webhooks: WebhookStore
    guard: AddressGuard

    def submit(self, tenant_id: str, order: Order) -> Submitted:
        """The stored job: queued, held for a person, or blocked by the policy; or the job of an earlier copy.

        Raises Refusal, QueueFull, CoolingDown and IdempotencyConflict, with nothing left behind, for an order that
        cannot be carried out. An unreachable Redis is no error: workers also look into SQL by themselves.
        """
        self._check_hook(order)
        model = self._model(order.params.model)
        job_id, fingerprint = new_id("job"), fingerprint_of(order)
        if (earlier := self._earlier(tenant_id, order, fingerprint)) is not None:
            return earlier
        params = order.params.resolved(native_size=model.can.native_size, seed=secrets.randbelow(MAX_SEED + 1))
        refuse_unfit(params, model)
        verdict = judge_prompts(params, self.policy)
        inputs = self.shelf.take(tenant_id, order.image, order.mask, params)
        imprint = self.conduct.imprint(tenant_id, params, inputs.image.data)
        verdict = Verdict.merge(verdict, self.conduct.judge(tenant_id, self._user(tenant_id, order), imprint))
        with self.shelf.keeping(tenant_id, job_id, inputs) as kept:
            new = self._new_job(tenant_id, job_id, replace(order, params=params), model, verdict, kept.inputs)
            new = replace(new, fingerprint=fingerprint, webhook_id=self._webhook_id(tenant_id, order))
            new = self._on_record(new, imprint, verdict)
            submitted = self.submissions.submit(new)
            kept.wanted = not submitted.replayed
        reach("after_accept")
        self._announce(submitted, model)
        return submitted

    def _earlier(self, tenant_id: str, order: Order, fingerprint: str) -> Submitted | None:
        """The job of an earlier copy of an order whose pictures would have to be fetched again."""
        if not isinstance(order.image, UrlRef) and not isinstance(order.mask, UrlRef):
            return None
        trace = Trace(tenant_id, fingerprint, order.idempotency_key, order.is_retry)
        return self.submissions.earlier(trace)

    def _announce(self, submitted: Submitted, model: ModelDescriptor) -> None:
        job = submitted.job
        log.info(
            "job_accepted", job_id=job.id, tenant_id=job.tenant_id, state=job.state.value, again=submitted.replayed
        )
        if job.state is JobState.QUEUED and not submitted.replayed:
            self.doorbell.ring(model.alias, job.id)

    def pseudonym(self, tenant_id: str, user: str) -> str:
        """How the tenant's end-user `user` is called in stored jobs."""
        return pseudonym(self.user_secret, tenant_id, user)

    def _user(self, tenant_id: str, order: Order) -> str | None:
        return None if order.user is None else self.pseudonym(tenant_id, order.user)

    def _on_record(self, new: NewJob, imprint: Imprint, verdict: Verdict) -> NewJob:
        noted = replace(new, imprint=asdict(imprint), gate=self.conduct.gate())
        return replace(noted, also=(*noted.also, *self.conduct.strike(noted, verdict), *self._case(noted, verdict)))

    def _check_hook(self, order: Order) -> None:
        try:
            if order.hook is not None:
                self.guard.check_url(order.hook.url)
        except AddressRefused as refused:
            raise Refusal.of_field("webhook_url", "url_invalid", refused.sentence) from None

    def _webhook_id(self, tenant_id: str, order: Order) -> str | None:
        if order.hook is None:
            return None
        return self.webhooks.implicit(tenant_id, order.hook.url, order.hook.events)

    def _model(self, alias: str) -> ModelDescriptor:
        if alias not in self.models:
            known = ", ".join(sorted(self.models))
            raise Refusal.of_field("model", "model_unknown", f"There is no model {alias!r}; use one of: {known}.")
        return self.models[alias]

    def _new_job(
        self, tenant_id: str, job_id: str, order: Order, model: ModelDescriptor, verdict: Verdict, kept: Inputs
    ) -> NewJob:
        state = state_for(verdict.action)
        user = self._user(tenant_id, order)
        decision = prompt_decision(order.params, verdict, self.policy, kept, user)
        return NewJob(
            id=job_id,
            tenant_id=tenant_id,
            params=order.params,
            image_key=kept.image.stored_key,
            mask_key=kept.mask.stored_key if kept.mask else None,
            model=model.as_dict(),
            cost=order.params.unet_rows,
            safety=verdict.audit_dict(),
            state=state,
            held_at=HeldAt.REQUEST if state is JobState.HELD else None,
            priority=order.priority,
            deadline_seconds=order.deadline_seconds,
            user=user,
            metadata=order.metadata,
            batch=order.batch,
            idempotency_key=order.idempotency_key,
            is_retry=order.is_retry,
            also=(audit_row(job_id, decision),),
        )

    def _case(self, new: NewJob, verdict: Verdict) -> tuple[Row, ...]:
        """The case of a request that a person has to decide on; nothing for any other."""
        if new.state is not JobState.HELD:
            return ()
        where = triage(verdict, "held", self.policy)
        return (case_row(new, CaseKind.HELD, held_at=HeldAt.REQUEST, **where.as_dict()),)


# Every action has its own line: one that nobody thought of here must raise and not run.
_STARTS = {
    Action.ALLOW: JobState.QUEUED,
    Action.LABEL: JobState.QUEUED,
    Action.REVIEW: JobState.HELD,
    Action.BLOCK: JobState.BLOCKED,
}


def state_for(action: Action) -> JobState:
    """Where a job starts after the verdict on its prompt."""
    return _STARTS[action]
