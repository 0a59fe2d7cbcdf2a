"""JSON bodies, read strictly: "30" is not 30, an unknown field is refused, and every finding is named."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from producer.api.field_errors import field_errors
from producer.api.forms import decoded
from producer.errors import FieldError, Refusal

M = TypeVar("M", bound=BaseModel)


def body_of(model: type[M]) -> Callable[[Request], Awaitable[M]]:
    """A dependency that reads `model` from a JSON body; an empty body counts as {}. Raises Refusal."""

    async def read(request: Request) -> M:
        body = await request.body() or b"{}"
        media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise Refusal("media_type_unsupported", f"{media_type} is not read here: send application/json.")
        return parsed(model, body)

    return read


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """For `openapi_extra`: the request body that `body_of(model)` reads."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    required = any(field.is_required() for field in model.model_fields.values())
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}


def parsed(model: type[M], body: bytes) -> M:
    """The `model` in `body`. Raises Refusal."""
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise _unreadable(error, body, model.model_fields) from None


def findings(error: ValidationError, known: Collection[str]) -> list[FieldError]:
    """Every finding of pydantic; `known` are the fields there are, to suggest the one that was meant."""
    return field_errors(error.errors(include_url=False, include_input=False, include_context=False), known)


def _unreadable(error: ValidationError, body: bytes, known: Collection[str]) -> Refusal:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    if found[0]["type"] == "json_invalid":
        decoded(body, "The body")
        return Refusal("json_invalid", f"{found[0]['msg']}.")
    if found[0]["type"] == "model_type" and not found[0]["loc"]:
        return Refusal("json_invalid", "The body must be a JSON object.")
    return Refusal.of_fields(findings(error, known))
