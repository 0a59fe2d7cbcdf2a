"""A person's word on a held job: what is approved goes on, what is rejected is blocked, and either is on record.

Nobody rings for an approved request here: the keeper does within a second, which is nothing beside a person's time.
Webhooks go out as for any other move, from the outbox.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from producer.errors import NotHeld
from safety.behavior import PERSON, charge
from safety.policy import Policy
from safety.reasons import Approval, Rejection
from safety.verdict import Action, Stage, Verdict
from storage.also import Row
from storage.audit import Decision, PolicyId
from storage.audit import Stage as AuditStage
from storage.audit_rows import audit_row
from storage.job import HeldAt, Job, JobState
from storage.review_store import ReviewStore
from storage.strike_store import strike_row


@dataclass(frozen=True, slots=True)
class Word:
    """Who decided, why, and what they have to say about it."""

    actor: str
    reason: Approval | Rejection
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Carries out what moderators decide. Safe to call from many threads."""

    store: ReviewStore
    policy: Policy

    def approve(self, job_id: str, word: Word) -> Job:
        """The job: succeeded with the images that waited in quarantine, or queued. Raises JobNotFound, NotHeld.

        What is waived are the findings that asked for a person; on a request, those on the request alone.
        """
        job = self._held(job_id)
        verdict = Verdict.from_dict(job.safety)
        waivers = [w for w in verdict.waivable if job.held_at is HeldAt.RESULT or w.stage is Stage.REQUEST]
        verdict = verdict.waiving(waivers)
        record = self._record(job, word, "approve", verdict)
        return self._made(job, moved=self.store.approve(job, safety=verdict.audit_dict(), also=[record]))

    def reject(self, job_id: str, word: Word) -> Job:
        """The job, blocked; its images are gone from the row and soon from the store. Raises JobNotFound, NotHeld.

        Its caller earns a strike for what had asked for a person.
        """
        job = self._held(job_id)
        held = Verdict.from_dict(job.safety)
        verdict = replace(held, action=Action.BLOCK)
        rows, safety = [self._record(job, word, "reject", verdict), *self._strikes(job, held)], verdict.audit_dict()
        return self._made(job, moved=self.store.reject(job, safety=safety, reason=word.reason, also=rows))

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

    def _record(self, job: Job, word: Word, action: str, verdict: Verdict) -> Row:
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
