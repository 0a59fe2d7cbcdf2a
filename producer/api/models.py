"""/v1/models: which models there are to ask for."""

from __future__ import annotations

from typing import Literal, Self

from fastapi import APIRouter
from pydantic import BaseModel

from producer.api.auth import MayRead
from producer.api.dependencies import ServicesDep
from producer.api.problems import declared
from storage.capabilities import CHANNELS, Family
from storage.models import ModelDescriptor
from storage.params import WORKING_SIDE_STEP, SchedulerName

router = APIRouter(prefix="/v1/models", tags=["models"])


class ModelEntry(BaseModel):
    """`alias` goes into a job's `model`. Sizes are working widths and heights in pixels; `native_size` is the default.

    `assumed` says that these are the usual limits of its family, because nobody could look into the model yet.
    """

    object: Literal["model"] = "model"
    alias: str
    name: str
    native_size: int
    family: Family
    channels: int = CHANNELS
    max_size: int
    size_step: int = WORKING_SIDE_STEP
    max_clip_skip: int
    schedulers: tuple[SchedulerName, ...]
    assumed: bool

    @classmethod
    def of(cls, model: ModelDescriptor) -> Self:
        """The entry of one model."""
        can = model.can
        return cls(
            alias=model.alias,
            name=model.name,
            native_size=can.native_size,
            family=can.family,
            max_size=can.max_size,
            max_clip_skip=can.max_clip_skip,
            schedulers=can.schedulers,
            assumed=can.assumed,
        )


class ModelList(BaseModel):
    """Every model on offer."""

    object: Literal["list"] = "list"
    data: list[ModelEntry]


@router.get("", responses=declared(), summary="List models")
def listed(_principal: MayRead, services: ServicesDep) -> ModelList:
    """The aliases that `model` takes."""
    known = sorted(services.models.values(), key=lambda model: model.alias)
    return ModelList(data=[ModelEntry.of(model) for model in known])
