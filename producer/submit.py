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
from producer.metrics import count_accepted
from producer.order import Hook, Order, UrlRef
from producer.outbound.addresses import AddressGuard, AddressRefused
from producer.pseudonyms import pseudonym
from safety.behavior import Imprint
from safety.policy import Policy
from safety.triage import triage
from safety.verdict import Action, Verdict
from storage import tracing
from storage.also import Row
from storage.audit_rows import audit_row
from storage.broker import Doorbell
from storage.case import CaseKind
from storage.case_rows import case_row
from storage.copies import Trace
from storage.failpoints import reach
from storage.ids import new_id
from storage.intake import Submitted
from storage.job import HeldAt, Job, JobState, NewJob
from storage.models import ModelDescriptor
from storage.outlook import Expectation, Outlook
from storage.params import MAX_SEED
from storage.submissions import Submissions
from storage.webhook_store import WebhookStore

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The job as it would stand after submit, under an id that nothing has, and what it would do.

    `inputs` are its pictures; `ahead` is what would await it, None unless it would be queued.
    """

    job: Job
    inputs: Inputs
    model: ModelDescriptor
    ahead: Expectation | None


@dataclass(frozen=True, slots=True)
class Draft:
    """An order that was resolved and judged; its pictures are checked and not stored.

    `user` is the pseudonym of its end-user.
    """

    tenant_id: str
    job_id: str
    order: Order
    fingerprint: str
    model: ModelDescriptor
    verdict: Verdict
    imprint: Imprint
    inputs: Inputs
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
        with tracing.span("submit"):
            return self._submit(tenant_id, order)

    def _submit(self, tenant_id: str, order: Order) -> Submitted:
        if (earlier := self._earlier(tenant_id, order)) is not None:
            return earlier
        draft = self.draft(tenant_id, order, self.desk)
        with self.shelf.keeping(tenant_id, draft.job_id, draft.inputs) as kept:
            new = self.new_job(draft, kept.inputs)
            submitted = self.submissions.submit(replace(new, webhook_id=self._webhook_id(tenant_id, order)))
            kept.wanted = not submitted.replayed
        self.announce(submitted)
        return submitted

    def prepare(self, tenant_id: str, order: Order) -> NewJob:
        """The job to be stored for an order that names its pictures by file id; raises as submit() does.

        For a caller who stores many at once; `announce` what becomes of each.
        """
        draft = self.draft(tenant_id, order, self.desk)
        return replace(self.new_job(draft, draft.inputs), webhook_id=self._webhook_id(tenant_id, order))

    def announce(self, submitted: Submitted) -> None:
        """Says that a job was stored. Returns at once."""
        reach("after_accept")
        job = submitted.job
        log.info(
            "job_accepted", job_id=job.id, tenant_id=job.tenant_id, state=job.state.value, again=submitted.replayed
        )
        if submitted.replayed:
            return
        count_accepted(job)
        if job.state is JobState.QUEUED:
            self.doorbell.ring(job.params.model, job.id)

    def rehearse(self, tenant_id: str, order: Order, outlook: Outlook) -> Rehearsal:
        """What submit() would make of the order now, by the same steps; nothing is stored, sent or held against anyone.

        Raises what submit() would raise. Copies of earlier requests are not recognized.
        """
        draft = self.draft(tenant_id, replace(order, idempotency_key=None, is_retry=False), self.desk)
        new = self.new_job(draft, self.shelf.as_if_kept(tenant_id, draft.job_id, draft.inputs))
        job, ahead = self.submissions.rehearse(new, lambda connection, job: outlook.within(connection, [job]))
        return Rehearsal(job, draft.inputs, draft.model, ahead.get(job.id))

    @property
    def desk(self) -> PlainDesk:
        """Where single orders are looked at."""
        return PlainDesk(self.policy, self.shelf, self.conduct)

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
        imprint = desk.imprint(tenant_id, params, inputs.image)
        user = self._user(tenant_id, order)
        verdict = Verdict.merge(verdict, self.conduct.judge(tenant_id, desk.past(tenant_id, user), imprint))
        order = replace(order, params=params)
        return Draft(tenant_id, new_id("job"), order, fingerprint, model, verdict, imprint, inputs, user)

    def _earlier(self, tenant_id: str, order: Order) -> Submitted | None:
        """The job of an earlier copy of an order whose pictures would have to be fetched again."""
        if not isinstance(order.image, UrlRef) and not isinstance(order.mask, UrlRef):
            return None
        trace = Trace(tenant_id, fingerprint_of(order), order.idempotency_key, order.is_retry)
        return self.submissions.earlier(trace)

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

    def _webhook_id(self, tenant_id: str, order: Order) -> str | None:
        if order.hook is None:
            return None
        return self.webhooks.implicit(tenant_id, order.hook.url, order.hook.events)

    def _model(self, alias: str) -> ModelDescriptor:
        if alias not in self.models:
            known = ", ".join(sorted(self.models))
            raise Refusal.of_field("model", "model_unknown", f"There is no model {alias!r}; use one of: {known}.")
        return self.models[alias]

    def new_job(self, draft: Draft, kept: Inputs) -> NewJob:
        """What is stored of a draft whose pictures are in place."""
        tracing.note(job_id=draft.job_id)
        order, verdict, state = draft.order, draft.verdict, state_for(draft.verdict.action)
        decision = prompt_decision(order.params, verdict, self.policy, kept, draft.user)
        new = NewJob(
            id=draft.job_id,
            tenant_id=draft.tenant_id,
            params=order.params,
            image_key=kept.image.stored_key,
            mask_key=kept.mask.stored_key if kept.mask else None,
            model=draft.model.as_dict(),
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
            trace=tracing.here(),
        )
        more = (*self.conduct.strike(new, verdict), *self._case(new, verdict))
        return replace(new, also=(audit_row(new.id, decision), *more))

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
