"""Errors as fal's client reads them: `{"detail", "error_type"}`."""

from __future__ import annotations

from fastapi.responses import JSONResponse

from producer.api.problems import Problem
from producer.dialects.fal.views import error_type
from producer.dialects.trouble import Trouble

# 408, 409 and 429 the client tries again, up to ten times: only the last is meant to be.
_STATUS = {"blocked": 422, "canceled": 400, "expired": 504}


def reword(problem: Problem) -> JSONResponse:
    """A problem in this shape."""
    details = [f"{error.field}: {error.detail}" for error in (problem.errors or [])[1:]]
    body = {"detail": " ".join([problem.detail, *details]), "error_type": problem.code}
    return JSONResponse(body, problem.status)


def trouble_response(trouble: Trouble) -> JSONResponse:
    """The result of a job that ended without a picture."""
    body = {"detail": trouble.message, "error_type": error_type(trouble)}
    return JSONResponse(body, _STATUS.get(trouble.code, 500))
