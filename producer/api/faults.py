"""Handlers that turn every foreseen exception into a problem; producer/api/last_resort.py has the rest."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from producer.api.field_errors import field_errors
from producer.api.problems import problem_response, refusal_response
from producer.api.streams import COME_AGAIN_SECONDS, StreamsFull
from producer.errors import NotAppealable, Refusal
from storage.errors import (
    BatchClosed,
    BatchNotFound,
    CoolingDown,
    DatabaseUnavailable,
    DeliveryNotFound,
    EventNotFound,
    FileInUse,
    FileMissing,
    IdempotencyConflict,
    JobNotFound,
    KeyNotFound,
    LimitReached,
    ObjectStoreUnavailable,
    QueueFull,
    TenantSuspended,
    TooManyWebhooks,
    WebhookDisabled,
    WebhookNotFound,
)

_HTTP_CODES = {404: "route_not_found", 405: "method_not_allowed"}

_Answer = Callable[[Exception], JSONResponse]

_PLAIN_CODES: dict[type[Exception], tuple[str, str]] = {
    BatchNotFound: ("batch_not_found", "There is no such batch for this key."),
    WebhookNotFound: ("webhook_not_found", "There is no such webhook for this key."),
    DeliveryNotFound: ("delivery_not_found", "There is no such delivery of this webhook."),
    WebhookDisabled: ("webhook_disabled", "Nothing is sent to this webhook while it is disabled."),
    EventNotFound: ("event_not_found", "There is no such event for this key."),
    KeyNotFound: ("key_not_found", "There is no such API key of this tenant, or it has ended."),
    TooManyWebhooks: ("webhook_limit", "This tenant has as many webhooks as it may have."),
}


def install(app: FastAPI) -> None:
    """Registers a handler for each kind of exception."""
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(JobNotFound, _job_not_found)
    app.add_exception_handler(FileMissing, _file_unknown)
    app.add_exception_handler(StreamsFull, _streams_full)
    for kind in _PLAIN_CODES:
        app.add_exception_handler(kind, _plain_fault)
    for kind, answer in _ANSWERS.items():
        app.add_exception_handler(kind, partial(_answered, answer))


def problem_of(error: Exception) -> JSONResponse:
    """The answer to an error that belongs to one line of a batch; one that nobody foresaw is `internal`."""
    answers = (_ANSWERS[kind] for kind in type(error).__mro__ if kind in _ANSWERS)
    answer = next(answers, None)
    if answer is not None:
        return answer(error)
    return problem_response("internal", "Something went wrong on our side with this line. Send it again.")


def _answered(answer: _Answer, _request: Request, error: Exception) -> JSONResponse:
    return answer(error)


def _refused(error: Exception) -> JSONResponse:
    return refusal_response(cast(Refusal, error))


def _invalid(_request: Request, error: Exception) -> JSONResponse:
    return refusal_response(Refusal.of_fields(field_errors(cast(RequestValidationError, error).errors(), placed=True)))


def _http(request: Request, error: Exception) -> JSONResponse:
    raised = cast(HTTPException, error)
    code = _HTTP_CODES.get(raised.status_code, "http_invalid")
    detail = f"{request.method} {request.url.path} is not there. See /docs." if code == "route_not_found" else ""
    return problem_response(code, detail or f"{raised.detail}.", headers=raised.headers)


def _job_not_found(request: Request, _error: Exception) -> JSONResponse:
    return problem_response("job_not_found", f"There is no job {request.path_params.get('job_id', '')} for this key.")


def _not_appealable(error: Exception) -> JSONResponse:
    return problem_response("not_appealable", str(error))


def _suspended(error: Exception) -> JSONResponse:
    return problem_response("tenant_suspended", str(error))


def _file_in_use(_error: Exception) -> JSONResponse:
    return problem_response("file_in_use", "A job that has not ended needs this file.")


def _file_unknown(request: Request, _error: Exception) -> JSONResponse:
    return problem_response("file_unknown", f"There is no file {request.path_params.get('file_id', '')} for this key.")


def _plain_fault(_request: Request, error: Exception) -> JSONResponse:
    return problem_response(*_PLAIN_CODES[type(error)])


def _limit_reached(error: Exception) -> JSONResponse:
    limit = cast(LimitReached, error)
    if isinstance(limit, CoolingDown):
        return _cooling_down(limit)
    code = "queue_full" if isinstance(limit, QueueFull) else "too_many_requests"
    seconds = max(1, math.ceil(limit.retry_after))
    detail = f"This tenant is at its limit: {limit}. Try again in {seconds} s."
    return problem_response(code, detail, headers={"Retry-After": str(seconds)})


def _cooling_down(limit: CoolingDown) -> JSONResponse:
    seconds = max(1, math.ceil(limit.retry_after))
    detail = f"Too many requests of this end-user had to be refused. Requests of this `user` wait for {seconds} s."
    return problem_response("cooling_down", detail, headers={"Retry-After": str(seconds)})


def _streams_full(_request: Request, _error: Exception) -> JSONResponse:
    detail = f"This process holds as many streams as it may. Try again in {COME_AGAIN_SECONDS} s."
    return problem_response("streams_full", detail, headers={"Retry-After": str(COME_AGAIN_SECONDS)})


def _key_reused(_error: Exception) -> JSONResponse:
    # The key itself is the caller's; it is not repeated into logs and error pages.
    detail = "This Idempotency-Key was sent with another request in the last 24 hours; send a new one with this one."
    return problem_response("idempotency_key_reused", detail)


def _storage_unavailable(_error: Exception) -> JSONResponse:
    # The error's own text may name buckets and hosts; it goes to the log, not to the caller.
    return problem_response("storage_unavailable", "Nothing can be stored or read now. Try again in a few seconds.")


def _batch_closed(_error: Exception) -> JSONResponse:
    return problem_response(
        "batch_closed", "This batch takes no more lines: it was canceled, or is sent anew elsewhere."
    )


_ANSWERS: dict[type[Exception], _Answer] = {
    Refusal: _refused,
    NotAppealable: _not_appealable,
    TenantSuspended: _suspended,
    FileInUse: _file_in_use,
    LimitReached: _limit_reached,
    IdempotencyConflict: _key_reused,
    BatchClosed: _batch_closed,
    ObjectStoreUnavailable: _storage_unavailable,
    DatabaseUnavailable: _storage_unavailable,
}
