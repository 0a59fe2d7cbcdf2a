"""What handlers ask FastAPI for."""

from __future__ import annotations

import re
from typing import Annotated, cast

from fastapi import Depends, Path, Request
from pydantic import AfterValidator

from producer.api.lookups import Lookups
from producer.api.submitting import Submitting
from producer.api.waiting import Waiting
from producer.services import Services
from storage.errors import JobNotFound

JOB_ID = re.compile(r"job_[0-9a-z]{26}")


def services_of(request: Request) -> Services:
    """What the application stands on."""
    return cast(Services, request.app.state.services)


def lookups_of(request: Request) -> Lookups:
    """How the process reads jobs."""
    return cast(Lookups, request.app.state.lookups)


def waiting_of(request: Request) -> Waiting:
    """How the process waits for jobs."""
    return cast(Waiting, request.app.state.waiting)


def submitting_of(request: Request) -> Submitting:
    """How the process stores jobs."""
    return cast(Submitting, request.app.state.submitting)


# A coroutine, because FastAPI runs plain functions in a thread each.
async def _services(request: Request) -> Services:
    return services_of(request)


def _checked(job_id: str) -> str:
    # Anything else cannot be a job, and some of it (NUL) a database does not even take as a question.
    if not JOB_ID.fullmatch(job_id):
        raise JobNotFound(job_id)
    return job_id


ServicesDep = Annotated[Services, Depends(_services)]
JobId = Annotated[str, Path(description="A `job_` id."), AfterValidator(_checked)]
