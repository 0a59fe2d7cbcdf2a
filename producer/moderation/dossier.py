"""Everything that is known about a case, put together for whoever decides it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from producer.evidence import prompts_of
from producer.moderation import pictures, why
from safety.policy import Policy
from safety.verdict import Verdict
from storage.audit import Prompts
from storage.audit_store import AuditStore, Record
from storage.case import Case
from storage.case_reader import CaseReader
from storage.case_store import CaseStore
from storage.errors import JobNotFound
from storage.job import Job
from storage.measure_store import Measure, MeasureStore
from storage.review_store import ReviewStore
from storage.strike import Strike
from storage.strike_store import StrikeStore
from storage.tenant_store import TenantStore

_HISTORY = 10


@dataclass(frozen=True, slots=True)
class History:
    """What is on record of the tenant and, where the request names one, of its end-user; newest first."""

    cases: list[Case]
    strikes: list[Strike]
    measures: list[Measure]


@dataclass(frozen=True, slots=True)
class Dossier:
    """A case with its job, which is None where the job is gone, and the name of its tenant.

    `pieces` is the prompt as sent, matches marked. `hides` is set where the answer is known and has
    to stay hidden until it is given.
    """

    case: Case
    job: Job | None
    tenant: str
    found: list[why.Found]
    measured: list[why.Measured]
    prompts: Prompts | None
    pieces: list[why.Piece]
    pictures: list[str]
    history: History
    others: list[Case]
    records: list[Record]
    hides: bool


@dataclass(frozen=True, slots=True)
class Archive:
    """Where dossiers come from. For many threads; every method raises DatabaseUnavailable."""

    jobs: ReviewStore
    cases: CaseStore
    reader: CaseReader
    strikes: StrikeStore
    measures: MeasureStore
    audit: AuditStore
    tenants: TenantStore
    policy: Policy

    def dossier(self, case: Case) -> Dossier:
        """The dossier of a case."""
        job = self._job(case)
        hides = case.copy_of is not None and case.is_pending
        verdict = None if job is None else _verdict(job, hides=hides)
        findings = [] if verdict is None else list(verdict.findings)
        return Dossier(
            case=case,
            job=job,
            tenant=self.tenants.names([case.tenant_id]).get(case.tenant_id, case.tenant_id),
            found=[] if verdict is None else why.found(verdict, self.policy),
            measured=[] if verdict is None else why.measured(verdict, self.policy),
            prompts=None if job is None else prompts_of(job.params),
            pieces=[] if job is None else why.pieces(job.params.prompt, findings),
            pictures=[] if job is None else pictures.names(job),
            history=self._history(case, job),
            others=[] if hides else [one for one in self.cases.of_job(case.job_id) if one.id != case.id],
            records=[] if hides else self.audit.of(case.job_id),
            hides=hides,
        )

    def _job(self, case: Case) -> Job | None:
        try:
            return self.jobs.get(case.job_id)
        except JobNotFound:
            return None

    def _history(self, case: Case, job: Job | None) -> History:
        user = None if job is None else job.user
        others = self.reader.of_tenant(case.tenant_id, limit=_HISTORY)
        return History(
            [one for one in others if one.job_id != case.job_id],
            [one for one in self.strikes.page(case.tenant_id, user, _HISTORY) if one.job_id != case.job_id],
            self.measures.of(case.tenant_id, limit=_HISTORY),
        )


def _verdict(job: Job, *, hides: bool) -> Verdict:
    verdict = Verdict.from_dict(job.safety)
    return replace(verdict, waived=()) if hides else verdict
