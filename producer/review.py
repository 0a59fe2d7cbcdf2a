"""A person's word on a job: what was held goes on or is blocked, what was made is withdrawn, a refusal is overturned.

Nobody rings for an approved request here: the keeper does within a second, which is nothing beside a person's time.
Webhooks go out as for any other move, from the outbox.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

from producer.errors import NotAppealable, NotHeld
from safety.behavior import PERSON, charge
from safety.policy import Policy
from safety.reasons import Approval, Rejection
from safety.statement import Statement, stated, statement
from safety.verdict import Action, Stage, Verdict
from storage.also import Row
from storage.audit import Decision, PolicyId
from storage.audit import Stage as AuditStage
from storage.audit_rows import audit_row
from storage.ids import new_id
from storage.job import HeldAt, Job, JobState, NewJob
from storage.review_store import ReviewStore, Settling
from storage.strike_store import strike_row


@dataclass(frozen=True, slots=True)
class Word:
    """Who decided, why, and what they have to say about it. `rule` is the policy rule that a refusal rests on."""

    actor: str
    reason: Approval | Rejection
    note: str | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Carries out what moderators decide. Safe to call from many threads.

    `settling` is the case that is decided by it, where there is one; `also` are rows for the same commit. Then each
    method raises CaseLost besides, with nothing done, where the case is no longer the caller's.
    """

    store: ReviewStore
    policy: Policy

    def approve(self, job_id: str, word: Word, settling: Settling | None = None, also: Sequence[Row] = ()) -> Job:
        """The job: succeeded with the images that waited in quarantine, or queued. Raises JobNotFound, NotHeld.

        What is waived are the findings that asked for a person; on a request, those on the request alone.
        """
        job = self._held(job_id)
        verdict = Verdict.from_dict(job.safety)
        waivers = [w for w in verdict.waivable if job.held_at is HeldAt.RESULT or w.stage is Stage.REQUEST]
        verdict = verdict.waiving(waivers)
        rows = [self._record(job, word, "approve", verdict), *also]
        moved = self.store.approve(job, safety=verdict.audit_dict(), also=rows, settling=settling)
        return self._made(job, moved=moved)

    def reject(self, job_id: str, word: Word, settling: Settling | None = None, also: Sequence[Row] = ()) -> Job:
        """The job, blocked; its images are gone from the row and soon from the store. Raises JobNotFound, NotHeld.

        Its caller earns a strike for what had asked for a person, and is told why and how to appeal.
        """
        job = self._held(job_id)
        held = Verdict.from_dict(job.safety)
        verdict = replace(held, action=Action.BLOCK)
        rows = [self._record(job, word, "reject", verdict), *self._strikes(job, held), *also]
        safety = stated(verdict.audit_dict(), self._statement("refused", held, word))
        moved = self.store.reject(job, safety=safety, reason=word.reason, also=rows, settling=settling)
        return self._made(job, moved=moved)

    def withdraw(self, job_id: str, word: Word, settling: Settling | None = None, also: Sequence[Row] = ()) -> Job:
        """The job, whose images can no longer be fetched. Raises JobNotFound, and NotHeld where there are none."""
        job = self.store.get(job_id)
        verdict = Verdict.from_dict(job.safety)
        safety = stated(job.safety, self._statement("withdrawn", verdict, word))
        rows = [self._record(job, word, "withdraw", verdict), *also]
        if not self.store.withdraw(job, safety=safety, also=rows, settling=settling):
            raise NotHeld(f"The job {job_id} is {job.state.value}: only images that can be fetched can be withdrawn.")
        return self.store.get(job_id)

    def revoke(self, job_id: str, word: Word) -> Job:
        """Takes an approval back: a result is withdrawn, a job that has not ended is canceled. Raises JobNotFound."""
        job = self.store.get(job_id)
        if job.is_released:
            return self.withdraw(job_id, word)
        verdict = Verdict.from_dict(job.safety)
        safety = stated(job.safety, self._statement("withdrawn", verdict, word))
        self.store.stop(job, safety=safety, also=[self._record(job, word, "revoke", verdict)])
        return self.store.get(job_id)

    def grant(self, job_id: str, word: Word, settling: Settling | None = None, also: Sequence[Row] = ()) -> Job:
        """What an appeal asked for: a withdrawn result is back, a refused job carried on by another.

        Raises JobNotFound, NotHeld, NotAppealable.
        """
        withdrawn = self.store.get(job_id).withdrawn_at is not None
        return (self.reinstate if withdrawn else self.overturn)(job_id, word, settling, also)

    def reinstate(self, job_id: str, word: Word, settling: Settling | None = None, also: Sequence[Row] = ()) -> Job:
        """The job, whose images can be fetched again. Raises JobNotFound, NotHeld."""
        job = self.store.get(job_id)
        safety = {name: value for name, value in job.safety.items() if name != "statement"}
        rows = [self._record(job, word, "reinstate", Verdict.from_dict(job.safety)), *also]
        if not self.store.reinstate(job, safety=safety, also=rows, settling=settling):
            raise NotHeld(f"The job {job_id} was not withdrawn, or its images are back already.")
        return self.store.get(job_id)

    def overturn(self, job_id: str, word: Word, settling: Settling | None = None, also: Sequence[Row] = ()) -> Job:
        """The job that carries a refused one on: the same pictures, parameters and seed, without what was found.

        Raises JobNotFound, and NotAppealable where the job was not refused or its pictures are gone.
        """
        job = self.store.get(job_id)
        if job.state is not JobState.BLOCKED or not job.has_inputs:
            raise NotAppealable(f"The job {job_id} cannot run again: it was not refused, or its pictures were erased.")
        verdict = Verdict.from_dict(job.safety)
        freed = replace(verdict, action=Action.ALLOW).waiving(verdict.overturnable)
        new = _carried_on(job, freed)
        rows = [self._record(job, word, "overturn", freed), self._record(new, word, "approve", freed), *also]
        safety = {**job.safety, "replaced_by": new.id}
        return self.store.replace(job, new, safety=safety, also=rows, settling=settling)

    def uphold(self, job_id: str, word: Word, settling: Settling | None = None, also: Sequence[Row] = ()) -> Job:
        """The refused job as it was, with a statement that the appeal changed nothing. Raises JobNotFound."""
        job = self.store.get(job_id)
        verdict = Verdict.from_dict(job.safety)
        made = statement("appeal_refused", verdict, word.rule, word.reason, self.policy, None)
        rows = [self._record(job, word, "uphold", verdict), *also]
        self.store.restate(job, safety=stated(job.safety, made), also=rows, settling=settling)
        return self.store.get(job_id)

    def keep(self, job_id: str, word: Word, settling: Settling, also: Sequence[Row] = ()) -> Job:
        """The job as it was: a complaint about it changed nothing. Raises JobNotFound."""
        job = self.store.get(job_id)
        rows = [self._record(job, word, "keep", Verdict.from_dict(job.safety)), *also]
        self.store.restate(job, safety=job.safety, also=rows, settling=settling)
        return job

    def _statement(self, decision: str, verdict: Verdict, word: Word) -> Statement:
        until = datetime.now(UTC) + timedelta(days=self.policy.review.appeal_days)
        return statement(decision, verdict, word.rule, word.reason, self.policy, until)

    def _strikes(self, job: Job, held: Verdict) -> list[Row]:
        charged = charge(held, self.policy.behavior)
        return [] if charged is None else [strike_row(job, PERSON, **asdict(charged))]

    def _held(self, job_id: str) -> Job:
        job = self.store.get(job_id)
        if job.state is not JobState.HELD:
            raise NotHeld(f"The job {job_id} is {job.state.value}: only a held job waits for a word.")
        return job

    def _made(self, job: Job, *, moved: bool) -> Job:
        if not moved:
            raise NotHeld(f"The job {job.id} has moved on meanwhile: look at it again.")
        return self.store.get(job.id)

    def _record(self, job: Job | NewJob, word: Word, action: str, verdict: Verdict) -> Row:
        policy, findings = self.policy, verdict.audit_dict()
        decision = Decision(
            AuditStage.REVIEW,
            action,
            PolicyId(policy.name, policy.version, policy.sha256),
            findings=findings["findings"],
            waived=findings["waived"],
            user=job.user,
            actor=word.actor,
            automated=False,
            reason=word.reason,
            note=word.note,
        )
        return audit_row(job.id, decision)


def _carried_on(job: Job, verdict: Verdict) -> NewJob:
    return NewJob(
        id=new_id("job"),
        tenant_id=job.tenant_id,
        params=job.params,
        image_key=job.image_key,
        mask_key=job.mask_key,
        model=job.model,
        cost=job.params.unet_rows,
        safety=verdict.audit_dict(),
        priority=job.priority,
        user=job.user,
        metadata=job.metadata,
        batch=job.batch,
        replaces=job.id,
    )
