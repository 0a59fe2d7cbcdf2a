"""The OpenAPI document: what FastAPI finds by itself, plus the bodies that handlers read themselves."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from producer.api.batch_lines import JobLine
from producer.api.batch_views import BatchSummary, LineAnswer, ResultLine
from producer.api.event_views import EventView, ProgressView
from producer.api.file_views import NewUpload
from producer.api.keys import KeyRotation, NewKeyRequest
from producer.api.objections import AppealRequest, ReportRequest
from producer.api.problems import Problem, declared
from producer.api.schemas import JobRequest
from producer.api.webhook_views import NewWebhook, Replay, Rotation, WebhookChange

DESCRIPTION = """
Asynchronous inpainting. Submit an image, a mask and a prompt; read the job until it has ended; download the result.

Every error is a problem (RFC 9457) with a stable `code`. Unknown fields are refused, null is not 0, and what a later
version will honour is refused with `not_supported_yet` instead of being dropped.
"""
_REF = "#/components/schemas/{model}"
_BODIES = (
    *(JobRequest, JobLine, LineAnswer, BatchSummary, ResultLine, NewUpload, NewKeyRequest, KeyRotation),
    *(AppealRequest, ReportRequest, NewWebhook, WebhookChange, Rotation, Replay, Problem, EventView, ProgressView),
)
_FILE = {"type": "string", "format": "binary"}


def openapi(app: FastAPI) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes, tags=app.openapi_tags
        )
        document["components"]["schemas"].update(_schemas())
        _own_problems(document)
        app.openapi_schema = document
    return app.openapi_schema


def _own_problems(document: dict[str, Any]) -> None:
    """FastAPI declares errors of its own form wherever a route takes a parameter; here they are problems."""
    for operations in document["paths"].values():
        for operation in operations.values():
            invalid = operation["responses"].get("422")
            if invalid and "application/json" in invalid["content"]:
                operation["responses"]["422"] = declared("request_invalid")[422]
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)


def _schemas() -> dict[str, Any]:
    _, definitions = models_json_schema([(model, "validation") for model in _BODIES], ref_template=_REF)
    schemas: dict[str, Any] = definitions["$defs"]
    schemas["JobForm"] = _form_of(schemas["JobRequest"])
    schemas["FileForm"] = {"type": "object", "required": ["file"], "properties": {"file": _FILE}}
    return schemas


def _form_of(request: dict[str, Any]) -> dict[str, Any]:
    form = {key: value for key, value in request.items() if key != "examples"}
    form["title"] = "JobForm"
    form["properties"] = {**request["properties"], "image": _FILE, "mask": _FILE}
    return form
