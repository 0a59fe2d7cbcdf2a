"""THE WAY IN: resolve, judge, check, store, commit, ring. Every door of the producer ends here."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

import structlog

from producer.conduct import Conduct
from producer.desk import Desk, PlainDesk
from producer.errors import Refusal
from producer.evidence import prompt_decision
from producer.fingerprint import fingerprint_of
from producer.fitness import refuse_unfit
from producer.inputs import Inputs, InputShelf
from producer.order import Hook, Order
from producer.pseudonyms import pseudonym
from producer.webhooks.addresses import AddressGuard, AddressRefused
from safety.behavior import Imprint
from safety.policy import Policy
from safety.verdict import Action, Verdict
from storage.audit_rows import audit_row
from storage.broker import Doorbell
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
class Draft:
    """An order that may become a job; nothing of it is stored. `user` is the pseudonym of its end-user."""

    job_id: str
    tenant_id: str
    order: Order
    fingerprint: str
    model: ModelDescriptor
    verdict: Verdict
    inputs: Inputs
    imprint: Imprint
    user: str | None


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
        draft = self.draft(tenant_id, order, self.desk)
        with self.shelf.keeping(tenant_id, draft.job_id, draft.inputs) as kept:
            submitted = self.submissions.submit(self.new_job(draft, kept.inputs, self.desk))
            kept.wanted = not submitted.replayed
        reach("after_accept")
        self._announce(submitted, draft.model)
        return submitted

    @property
    def desk(self) -> PlainDesk:
        """Where single orders are looked at."""
        return PlainDesk(self.policy, self.shelf, self.conduct, self.webhooks)

    def draft(self, tenant_id: str, order: Order, desk: Desk, fingerprint: str | None = None) -> Draft:
        """The order as it would be stored: resolved and judged, its pictures checked. Raises as `submit`.

        `fingerprint` is the order's, where the caller has it already.
        """
        if order.hook is not None:
            self.check_hook(order.hook)
        model = self._model(order.params.model)
        fingerprint = fingerprint or fingerprint_of(order)
        params = order.params.resolved(native_size=model.can.native_size, seed=secrets.randbelow(MAX_SEED + 1))
        refuse_unfit(params, model)
        verdict = desk.judge(params)
        inputs = desk.take(tenant_id, order, params)
        user = self._user(tenant_id, order)
        imprint = desk.imprint(tenant_id, params, inputs.image)
        verdict = Verdict.merge(verdict, self.conduct.judge(tenant_id, desk.past(tenant_id, user), imprint))
        order = replace(order, params=params)
        return Draft(new_id("job"), tenant_id, order, fingerprint, model, verdict, inputs, imprint, user)

    def new_job(self, draft: Draft, kept: Inputs, desk: Desk) -> NewJob:
        """What is stored of a draft whose pictures are in place."""
        new = self._new_job(draft, kept)
        if draft.order.hook is not None:
            new = replace(new, webhook_id=desk.webhook_id(draft.tenant_id, draft.order.hook))
        if strikes := self.conduct.strike(new, draft.verdict):
            new = replace(new, also=(*new.also, *strikes))
        desk.note(new)
        return new

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

    def check_hook(self, hook: Hook) -> None:
        """Raises Refusal (`url_invalid`) for a URL that nothing may be sent to."""
        try:
            self.guard.check_url(hook.url)
        except AddressRefused as refused:
            raise Refusal.of_field("webhook_url", "url_invalid", refused.sentence) from None

    def _model(self, alias: str) -> ModelDescriptor:
        if alias not in self.models:
            known = ", ".join(sorted(self.models))
            raise Refusal.of_field("model", "model_unknown", f"There is no model {alias!r}; use one of: {known}.")
        return self.models[alias]

    def _new_job(self, draft: Draft, kept: Inputs) -> NewJob:
        order, verdict, model = draft.order, draft.verdict, draft.model
        state = state_for(verdict.action)
        decision = prompt_decision(order.params, verdict, self.policy, kept, draft.user)
        return NewJob(
            id=draft.job_id,
            tenant_id=draft.tenant_id,
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
            user=draft.user,
            metadata=order.metadata,
            batch=order.batch,
            line=order.line,
            custom_id=order.custom_id,
            fingerprint=draft.fingerprint,
            idempotency_key=order.idempotency_key,
            is_retry=order.is_retry,
            imprint={"words": draft.imprint.words, "picture": draft.imprint.picture},
            gate=self.conduct.gate(),
            also=(audit_row(draft.job_id, decision),),
        )


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
