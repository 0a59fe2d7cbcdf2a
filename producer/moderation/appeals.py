"""Objections: a caller appeals against a refusal, and anybody whom the operator lets may report a result."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from producer.errors import NotAppealable
from safety.policy import Policy
from safety.triage import Triage, place, triage
from safety.verdict import Verdict
from storage.case import Case, CaseKind
from storage.case_store import CaseStore
from storage.job import Job, JobState
from storage.job_reader import JobReader


@dataclass(frozen=True, slots=True)
class Appeals:
    """Opens cases of appeals and reports. Safe to call from many threads."""

    reader: JobReader
    cases: CaseStore
    policy: Policy

    def appeal(self, job_id: str, tenant_id: str, words: str) -> Case:
        """The case in which another person looks at a refused job again; one appeal a job.

        Raises JobNotFound, and NotAppealable for a job that was not refused or whose time to appeal is over.
        """
        job = self.reader.get(job_id, tenant_id)
        self._check(job)
        before = [
            case
            for case in self.cases.of_job(job_id)
            if case.kind is not CaseKind.APPEAL and case.decided_by and not case.copy_of
        ]
        where, last = self._where(job, before), before[-1] if before else None
        first_by = None if last is None else last.decided_by
        case = self.cases.open(job, CaseKind.APPEAL, where, words, first_by=first_by)
        if case is None:
            raise NotAppealable(f"An appeal against the refusal of {job_id} was made before; one is all there is.")
        return case

    def report(self, job: Job, category: str, words: str) -> Case:
        """The case about a complaint; the one that is open, where somebody complained before.

        Raises NotAppealable for a job whose images cannot be fetched, or an unknown category.
        """
        if not job.is_released:
            raise NotAppealable(f"The job {job.id} has no images that can be fetched: there is nothing to report.")
        if category not in self.policy.categories:
            known = ", ".join(sorted(self.policy.categories))
            raise NotAppealable(f"There is no category {category!r}: choose one of {known}.")
        where = self._reported(category)
        case = self.cases.open(job, CaseKind.REPORT, where, words)
        return case or next(c for c in self.cases.of_job(job.id) if c.kind is CaseKind.REPORT and c.is_pending)

    def _check(self, job: Job) -> None:
        refused = job.state is JobState.BLOCKED or job.withdrawn_at is not None
        if not refused or not job.has_inputs:
            raise NotAppealable(
                f"The job {job.id} was not refused, or its pictures were erased: nothing can be changed."
            )
        since = job.withdrawn_at or job.finished_at
        days = self.policy.review.appeal_days
        if since is not None and self.cases.now() - since > timedelta(days=days):
            raise NotAppealable(f"The {days:g} days in which {job.id} could be appealed against are over.")

    def _where(self, job: Job, before: list[Case]) -> Triage:
        verdict = Verdict.from_dict(job.safety)
        if verdict.findings:
            return triage(verdict, "appeal", self.policy)
        if before:  # withdrawn after a report, with nothing found by the checks
            return place("appeal", before[-1].category, before[-1].severity, before[-1].rule, self.policy)
        raise NotAppealable(f"Nothing is known of why {job.id} was refused: ask the operator.")

    def _reported(self, category: str) -> Triage:
        severity = self.policy.categories[category].severity
        return place("report", category, severity, "report", self.policy)
