"""Models as Replicate names them: owner/name, and a version that is 64 hexadecimal digits."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from producer.api.schemas import JobRequest
from producer.dialects.models import OWNER, alias_of
from storage.aliases import DEFAULT
from storage.models import ModelDescriptor

_FOREIGN = re.compile(r"[0-9a-f]{64}")
# From this version on, the client takes the schema as it is.
_COG = "0.9.0"
# Models have no date here, but the client wants one.
_LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


class VersionView(BaseModel):
    """A version. `openapi_schema` describes its input."""

    id: str
    created_at: datetime = _LONG_AGO
    cog_version: str = _COG
    openapi_schema: dict[str, Any]


class ModelView(BaseModel):
    """A model."""

    url: str
    owner: str = OWNER
    name: str
    description: str
    visibility: str = "private"
    github_url: None = None
    paper_url: None = None
    license_url: None = None
    run_count: int = 0
    cover_image_url: None = None
    default_example: None = None
    latest_version: VersionView


def version_of(alias: str, name: str) -> str:
    """The version of a model: one for each alias and what stands behind it."""
    return hashlib.sha256(f"{alias}={name}".encode()).hexdigest()


def alias_of_version(text: str, models: Mapping[str, ModelDescriptor]) -> str:
    """The alias for a version, alone or behind owner/name. `default` stands in for versions of other services.

    Raises Refusal `model_unknown`. Which model painted is said by the prediction and its logs.
    """
    name, _, version = text.rpartition(":")
    for alias, model in models.items():
        if version == version_of(alias, model.name):
            return alias
    if name:
        return alias_of(name, models)
    return DEFAULT if _FOREIGN.fullmatch(version) else alias_of(version, models)


def version_view(model: ModelDescriptor) -> VersionView:
    """The only version of a model."""
    request = JobRequest.model_json_schema(ref_template="#/components/schemas/{model}")
    output = {"type": "array", "items": {"type": "string", "format": "uri"}, "title": "Output"}
    schemas = {**request.pop("$defs", {}), "Input": request, "Output": output}
    document = {"openapi": "3.1.0", "info": {"title": model.alias}, "paths": {}, "components": {"schemas": schemas}}
    return VersionView(id=version_of(model.alias, model.name), openapi_schema=document)


def model_view(model: ModelDescriptor, base: str) -> ModelView:
    """A model as it stands."""
    return ModelView(
        url=f"{base}/replicate/v1/models/{OWNER}/{model.alias}",
        name=model.alias,
        description=model.name,
        latest_version=version_view(model),
    )
