"""Everything that is known about a case, put together for whoever decides it."""

from __future__ import annotations

from dataclasses import dataclass

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

_HISTORY = 10


@dataclass(frozen=True, slots=True)
class History:
    """What is on record of the tenant and, where the request names one, of its end-user; newest first."""

    cases: list[Case]
    strikes: list[Strike]
    measures: list[Measure]


@dataclass(frozen=True, slots=True)
class Dossier:
    """A case with its job, which is None where the job is gone. `pieces` is the prompt as sent, matches marked."""

    case: Case
    job: Job | None
    found: list[why.Found]
    measured: list[why.Measured]
    prompts: Prompts | None
    pieces: list[why.Piece]
    pictures: list[str]
    history: History
    others: list[Case]
    records: list[Record]


@dataclass(frozen=True, slots=True)
class Archive:
    """Where dossiers come from. For many threads; every method raises DatabaseUnavailable."""

    jobs: ReviewStore
    cases: CaseStore
    reader: CaseReader
    strikes: StrikeStore
    measures: MeasureStore
    audit: AuditStore
    policy: Policy

    def dossier(self, case: Case) -> Dossier:
        """The dossier of a case."""
        job = self._job(case)
        verdict = None if job is None else Verdict.from_dict(job.safety)
        findings = [] if verdict is None else list(verdict.findings)
        return Dossier(
            case=case,
            job=job,
            found=[] if verdict is None else why.found(verdict, self.policy),
            measured=[] if verdict is None else why.measured(verdict, self.policy),
            prompts=None if job is None else prompts_of(job.params),
            pieces=[] if job is None else why.pieces(job.params.prompt, findings),
            pictures=[] if job is None else pictures.names(job),
            history=self._history(case, job),
            others=[one for one in self.cases.of_job(case.job_id) if one.id != case.id],
            records=self.audit.of(case.job_id),
        )

    def _job(self, case: Case) -> Job | None:
        try:
            return self.jobs.get(case.job_id)
        except JobNotFound:
            return None

    def _history(self, case: Case, job: Job | None) -> History:
        user = None if job is None else job.user
        return History(
            [one for one in self.reader.of_tenant(case.tenant_id, limit=_HISTORY) if one.id != case.id],
            self.strikes.page(case.tenant_id, user, _HISTORY),
            self.measures.of(case.tenant_id, limit=_HISTORY),
        )
