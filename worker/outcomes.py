"""From an exception to what becomes of the job: whose fault it was, and whether trying again can help."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from enum import StrEnum

import structlog

from safety.errors import CredentialsError, MarkError
from storage.errors import DatabaseUnavailable, ObjectMissing, ObjectStoreUnavailable, PromptTooLong
from storage.job import Job, JobError
from storage.job_store import JobStore
from storage.pictures import PictureError
from worker.errors import (
    DeviceLost,
    EngineDraining,
    NumericalFailure,
    OutOfMemory,
    RequestUnsupported,
)
from worker.metrics import JOB_ERRORS

log = structlog.get_logger(__name__)

MAX_ERRORS = 5
FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 60.0


class Then(StrEnum):
    """What to do with the job."""

    FAIL = "fail"
    RETRY = "retry"
    CRASH = "crash"
    """Queue it to run alone, as after the death of its process: it may be what killed the device."""
    RELEASE = "release"
    ABANDON = "abandon"
    """Write nothing: what is written already is not known. The lease ends by itself."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the caller hears; without `message` it is the exception's own sentence, which is written for that."""

    then: Then
    code: str
    message: str | None = None


# The first row that fits decides, so the last one must fit everything.
OUTCOMES: tuple[tuple[type[Exception], Outcome], ...] = (
    # The caller's.
    (PictureError, Outcome(Then.FAIL, "input_invalid")),
    (PromptTooLong, Outcome(Then.FAIL, "prompt_too_long")),
    (RequestUnsupported, Outcome(Then.FAIL, "not_supported")),
    # Ours: another try gives the same.
    (NumericalFailure, Outcome(Then.FAIL, "numerical_failure", "The model made no valid picture; try other seeds.")),
    (MarkError, Outcome(Then.FAIL, "mark_failed")),
    (CredentialsError, Outcome(Then.FAIL, "credentials_failed", "The result could not be signed; tell the operator.")),
    (ObjectMissing, Outcome(Then.FAIL, "input_missing", "A stored input is gone; send the job again.")),
    # The machine's: another try, here or elsewhere, may succeed.
    (EngineDraining, Outcome(Then.RELEASE, "draining")),
    (DeviceLost, Outcome(Then.CRASH, "device_lost")),
    (OutOfMemory, Outcome(Then.RETRY, "out_of_memory", "The device ran out of memory; try a smaller working size.")),
    (ObjectStoreUnavailable, Outcome(Then.RETRY, "storage_unavailable", "The object store did not answer; try later.")),
    # Only a move raises this, after it has tried to find out for as long as a lease lasts.
    (DatabaseUnavailable, Outcome(Then.ABANDON, "storage_unavailable")),
    # Ours, or the machine's: an error that nobody has thought of is given the benefit of the doubt.
    (Exception, Outcome(Then.RETRY, "internal", "An internal error occurred; the operator's log tells, by job id.")),
)


def outcome_of(error: Exception) -> Outcome:
    """The first row of OUTCOMES that fits `error`; a fault of the caller's pictures keeps its own code."""
    found = next(outcome for kind, outcome in OUTCOMES if isinstance(error, kind))
    return replace(found, code=error.code) if isinstance(error, PictureError) else found


def retry_delay(error_count: int) -> float:
    """Seconds before the next try: doubling from 1 to 60, and random between half and all of it.

    Full spread over the upper half keeps jobs that failed together from coming back together.
    """
    longest = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0**error_count)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  (no secret hangs on it)


def settle_error(jobs: JobStore, job: Job, error: Exception) -> None:
    """Writes what becomes of a job whose run raised `error`."""
    outcome = outcome_of(error)
    message = outcome.message or str(error)
    JOB_ERRORS.labels(outcome.code, outcome.then).inc()
    log.warning("job_error", code=outcome.code, then=outcome.then, exc_info=error)
    if outcome.then is Then.ABANDON:
        return
    if outcome.then is Then.RELEASE:
        jobs.release(job)
    elif outcome.then is Then.CRASH:
        jobs.crash(job)
    elif outcome.then is Then.RETRY and job.error_count + 1 < MAX_ERRORS:
        jobs.retry(job, JobError(outcome.code, message, retryable=True), delay_seconds=retry_delay(job.error_count))
    else:
        jobs.fail(job, JobError(outcome.code, message, retryable=outcome.then is Then.RETRY))
