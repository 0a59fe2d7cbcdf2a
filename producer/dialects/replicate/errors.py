"""Errors as Replicate's clients read them: problems in the old form of RFC 7807, without our codes."""

from __future__ import annotations

from fastapi.responses import JSONResponse

from producer.api.problems import MEDIA_TYPE, Problem


def reword(problem: Problem) -> JSONResponse:
    """`type` still ends with our code, for whoever wants to tell errors apart."""
    fields = [f"- {error.field}: {error.detail}" for error in (problem.errors or [])[1:]]
    body = {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "detail": "\n".join([problem.detail, *fields]),
        "instance": None,
    }
    return JSONResponse(body, problem.status, media_type=MEDIA_TYPE)
