"""/v1/jobs/{id}/appeal and /v1/reports: asking for a person's second look."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from producer.api.auth import MayRead, MaySubmit
from producer.api.dependencies import JobId, ServicesDep
from producer.api.problems import declared
from storage.case import Case, CaseKind, CaseState

router = APIRouter(prefix="/v1", tags=["review"])

MAX_WORDS = 4000
Words = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_WORDS, pattern=r"^[^\x00]*$")
]
_CODES = ("json_invalid", "wrong_length", "wrong_type", "field_missing", "field_unknown", "wrong_format")


class AppealRequest(BaseModel):
    """Why the refusal was wrong, in your own words; only moderators read it."""

    model_config = ConfigDict(extra="forbid")

    text: Words


class ReportRequest(BaseModel):
    """A result of yours that should not have been made. `category` is one of the policy's."""

    model_config = ConfigDict(extra="forbid")

    job: str = Field(pattern=r"^job_[0-9a-z]{26}$")
    category: str = Field(min_length=1, max_length=60)
    text: Words


class CaseView(BaseModel):
    """A case that waits for a moderator, or that one has decided; `due_at` is when it should be decided by."""

    id: str = Field(examples=["case_06f3kq5x6m8v2n4p7r9t1w3y5z"])
    object: Literal["case"] = "case"
    kind: CaseKind
    status: CaseState
    job: str
    created_at: datetime
    due_at: datetime
    decided_at: datetime | None

    @classmethod
    def of(cls, case: Case) -> Self:
        """The view of a case. Nothing of who works on it is shown."""
        times = {"created_at": case.opened_at, "due_at": case.due_at, "decided_at": case.decided_at}
        return cls(id=case.id, kind=case.kind, status=case.state, job=case.job_id, **times)


@router.post(
    "/jobs/{job_id}/appeal",
    status_code=201,
    responses=declared("job_not_found", "not_appealable", *_CODES),
    summary="Appeal against a refusal",
)
def appeal(job_id: JobId, body: AppealRequest, principal: MaySubmit, services: ServicesDep) -> CaseView:
    """Another person than the one who refused the job, or took its result back, looks at it again. One appeal a job.

    An appeal that is granted brings a withdrawn result back; a refused job is carried on by another one, named in
    `replaced_by`, whose webhooks go where those of the first one went.
    """
    return CaseView.of(services.appeals.appeal(job_id, principal.tenant_id, body.text))


@router.post(
    "/reports",
    status_code=201,
    responses=declared("job_not_found", "not_appealable", *_CODES),
    summary="Report a result",
)
def report(body: ReportRequest, principal: MayRead, services: ServicesDep) -> CaseView:
    """Asks a moderator to look at a result. What turns out to break the policy is withdrawn: its images answer 410."""
    job = services.reader.get(body.job, principal.tenant_id)
    return CaseView.of(services.appeals.report(job, body.category, body.text))
