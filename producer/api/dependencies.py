"""What handlers ask FastAPI for."""

from __future__ import annotations

import re
from typing import Annotated, cast

from fastapi import Depends, Path, Request

from producer.services import Services
from storage.errors import JobNotFound

JOB_ID = re.compile(r"job_[0-9a-z]{26}")


def _services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


def _job_id(job_id: Annotated[str, Path(description="A `job_` id.")]) -> str:
    # Anything else cannot be a job, and some of it (NUL) a database does not even take as a question.
    if not JOB_ID.fullmatch(job_id):
        raise JobNotFound(job_id)
    return job_id


ServicesDep = Annotated[Services, Depends(_services)]
JobId = Annotated[str, Depends(_job_id)]
