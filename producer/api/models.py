"""/v1/models: which models there are to ask for."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from producer.api.auth import MayRead
from producer.api.dependencies import ServicesDep
from producer.api.problems import declared

router = APIRouter(prefix="/v1/models", tags=["models"])


class ModelEntry(BaseModel):
    """`alias` goes into a job's `model`; `native_size` is its default working size in pixels."""

    object: Literal["model"] = "model"
    alias: str
    name: str
    native_size: int


class ModelList(BaseModel):
    """Every model on offer."""

    object: Literal["list"] = "list"
    data: list[ModelEntry]


@router.get("", responses=declared(), summary="List models")
def models(_principal: MayRead, services: ServicesDep) -> ModelList:
    """The aliases that `model` takes."""
    known = sorted(services.models.values(), key=lambda model: model.alias)
    return ModelList(data=[ModelEntry(alias=m.alias, name=m.name, native_size=m.native_size) for m in known])
