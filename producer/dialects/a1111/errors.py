"""Errors as the web UI words them: `{"error", "detail", "body", "errors"}`."""

from __future__ import annotations

from fastapi.responses import JSONResponse

from producer.api.problems import Problem
from producer.dialects.trouble import Trouble
from storage.job import Job

_STATUS = {"blocked": 403, "held_for_review": 409, "canceled": 409, "expired": 504, "still_waiting": 504}


def reword(problem: Problem) -> JSONResponse:
    """A problem in this shape; `error` is its code."""
    answer = _response(problem.status, problem.code, problem.detail, [error.detail for error in problem.errors or []])
    if problem.status == 401:
        answer.headers["WWW-Authenticate"] = "Basic"
    return answer


def trouble_response(job: Job, trouble: Trouble) -> JSONResponse:
    """The answer of a job without a picture."""
    answer = _response(_STATUS.get(trouble.code, 500), trouble.code, trouble.message, [])
    answer.headers["x-job-id"] = job.id
    return answer


def _response(status: int, code: str, detail: str, errors: list[str]) -> JSONResponse:
    return JSONResponse({"error": code, "detail": detail, "body": "", "errors": " ".join(errors)}, status)
