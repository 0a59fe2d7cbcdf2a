"""Why there is no picture, for interfaces that know fewer ways to end than we do."""

from __future__ import annotations

from dataclasses import dataclass

from storage.job import HeldAt, Job, JobState


@dataclass(frozen=True, slots=True)
class Trouble:
    """A stable code and a sentence for the caller."""

    code: str
    message: str


def trouble_of(job: Job) -> Trouble | None:
    """What to say of a job that is held or has ended without a result; None of any other."""
    if job.state is JobState.HELD:
        what = "request" if job.held_at is HeldAt.REQUEST else "result"
        return Trouble("held_for_review", f"A person looks at the {what} of {job.id} first; read it again later.")
    if job.state is JobState.BLOCKED:
        return Trouble("blocked", _blocked(job))
    if job.state is JobState.FAILED and job.error is not None:
        return Trouble(job.error.code, job.error.message)
    return _ENDS.get(job.state)


_ENDS = {
    JobState.CANCELED: Trouble("canceled", "The job was canceled."),
    JobState.EXPIRED: Trouble("expired", "The deadline of the job passed before it was finished."),
    JobState.FAILED: Trouble("internal", "The job failed."),
}


def _blocked(job: Job) -> str:
    rules = ", ".join(finding["rule"] for finding in job.safety["findings"])
    details = dict.fromkeys(finding["detail"] for finding in job.safety["findings"])
    return " ".join([f"The policy of this service refused it ({rules}).", *details])
