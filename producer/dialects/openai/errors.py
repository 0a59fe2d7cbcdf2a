"""Errors as OpenAI's clients read them: `{"error": {message, type, param, code}}`."""

from __future__ import annotations

from typing import Any

from fastapi.responses import JSONResponse

from producer.api.problems import Problem
from producer.dialects.trouble import Trouble
from storage.job import Job

# The client sends a request again after a 408, 409, 429 or 5xx unless it is told not to.
DO_NOT_REPEAT = {"x-should-retry": "false"}
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_STATUS = {"blocked": 400, "held_for_review": 400, "canceled": 400, "expired": 504, "still_waiting": 504}
_CODES = {"blocked": "moderation_blocked"}


def reword(problem: Problem) -> JSONResponse:
    """A problem in this shape. What is wrong with a field is a 400 here, not a 422."""
    status = 400 if problem.status == 422 else problem.status
    kind = "server_error" if status >= 500 else _TYPES.get(status, "invalid_request_error")
    param = problem.errors[0].field if problem.errors else None
    return JSONResponse(_body(problem.detail, kind, problem.code, param), status)


def trouble_body(trouble: Trouble) -> dict[str, Any]:
    """The body that says why there is no picture."""
    kind = "server_error" if _status(trouble) >= 500 else "image_generation_user_error"
    return _body(trouble.message, kind, _CODES.get(trouble.code, trouble.code), None)


def trouble_response(job: Job, trouble: Trouble) -> JSONResponse:
    """The answer of a job without a picture. A repetition would meet the same job, so the client is told not to."""
    return JSONResponse(trouble_body(trouble), _status(trouble), headers={**DO_NOT_REPEAT, "x-request-id": job.id})


def _status(trouble: Trouble) -> int:
    return _STATUS.get(trouble.code, 500)


def _body(message: str, kind: str, code: str, param: str | None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
