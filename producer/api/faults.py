"""Handlers that turn every foreseen exception into a problem; producer/api/last_resort.py has the rest."""

from __future__ import annotations

import math
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
    CoolingDown,
    DatabaseUnavailable,
    DeliveryNotFound,
    FileInUse,
    FileMissing,
    IdempotencyConflict,
    JobNotFound,
    LimitReached,
    ObjectStoreUnavailable,
    QueueFull,
    TenantSuspended,
    TooManyWebhooks,
    WebhookDisabled,
    WebhookNotFound,
)

_HTTP_CODES = {404: "route_not_found", 405: "method_not_allowed"}

_WEBHOOK_CODES: dict[type[Exception], tuple[str, str]] = {
    WebhookNotFound: ("webhook_not_found", "There is no such webhook for this key."),
    DeliveryNotFound: ("delivery_not_found", "There is no such delivery of this webhook."),
    WebhookDisabled: ("webhook_disabled", "Nothing is sent to this webhook while it is disabled."),
    TooManyWebhooks: ("webhook_limit", "This tenant has as many webhooks as it may have."),
}


def install(app: FastAPI) -> None:
    """Registers a handler for each kind of exception."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(JobNotFound, _job_not_found)
    app.add_exception_handler(NotAppealable, _not_appealable)
    app.add_exception_handler(TenantSuspended, _suspended)
    app.add_exception_handler(FileMissing, _file_unknown)
    app.add_exception_handler(FileInUse, _file_in_use)
    app.add_exception_handler(LimitReached, _limit_reached)
    app.add_exception_handler(StreamsFull, _streams_full)
    app.add_exception_handler(IdempotencyConflict, _key_reused)
    for kind in _WEBHOOK_CODES:
        app.add_exception_handler(kind, _webhook_fault)
    app.add_exception_handler(ObjectStoreUnavailable, _storage_unavailable)
    app.add_exception_handler(DatabaseUnavailable, _storage_unavailable)


def _refused(_request: Request, error: Exception) -> JSONResponse:
    return refusal_response(cast(Refusal, error))


def _invalid(_request: Request, error: Exception) -> JSONResponse:
    return refusal_response(Refusal.of_fields(field_errors(cast(RequestValidationError, error).errors())))


def _http(request: Request, error: Exception) -> JSONResponse:
    raised = cast(HTTPException, error)
    code = _HTTP_CODES.get(raised.status_code, "http_invalid")
    detail = f"{request.method} {request.url.path} is not there. See /docs." if code == "route_not_found" else ""
    return problem_response(code, detail or f"{raised.detail}.", headers=raised.headers)


def _job_not_found(request: Request, _error: Exception) -> JSONResponse:
    return problem_response("job_not_found", f"There is no job {request.path_params.get('job_id', '')} for this key.")


def _not_appealable(_request: Request, error: Exception) -> JSONResponse:
    return problem_response("not_appealable", str(error))


def _suspended(_request: Request, error: Exception) -> JSONResponse:
    return problem_response("tenant_suspended", str(error))


def _file_unknown(request: Request, _error: Exception) -> JSONResponse:
    return problem_response("file_unknown", f"There is no file {request.path_params.get('file_id', '')} for this key.")


def _file_in_use(_request: Request, _error: Exception) -> JSONResponse:
    return problem_response("file_in_use", "A job that has not ended needs this file.")


def _webhook_fault(_request: Request, error: Exception) -> JSONResponse:
    return problem_response(*_WEBHOOK_CODES[type(error)])


def _limit_reached(_request: Request, error: Exception) -> JSONResponse:
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


def _key_reused(_request: Request, _error: Exception) -> JSONResponse:
    # The key itself is the caller's; it is not repeated into logs and error pages.
    detail = "This Idempotency-Key was sent with another request in the last 24 hours; send a new one with this one."
    return problem_response("idempotency_key_reused", detail)


def _storage_unavailable(_request: Request, _error: Exception) -> JSONResponse:
    # The error's own text may name buckets and hosts; it goes to the log, not to the caller.
    return problem_response("storage_unavailable", "Nothing can be stored or read now. Try again in a few seconds.")
