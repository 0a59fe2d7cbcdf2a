"""/v1/batches: jobs that carry the same label, taken together."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from producer.api.auth import MaySubmit
from producer.api.dependencies import ServicesDep
from producer.api.problems import declared
from producer.api.schemas import BatchLabel

router = APIRouter(prefix="/v1/batches", tags=["batches"])
BatchId = Annotated[BatchLabel, Path(description="The label that the jobs carry in `batch`.")]


class CanceledBatch(BaseModel):
    """What canceling did; jobs that had ended before count in neither number."""

    id: str
    object: Literal["batch"] = "batch"
    canceled: int = Field(description="Jobs that waited and are canceled now.")
    stopping: int = Field(description="Running jobs that were told to stop and do within a denoising step.")


# A label may hold slashes, which arrive as part of the path.
@router.post(
    "/{batch:path}/cancel", responses=declared("text_invalid", "wrong_length"), summary="Cancel a batch's jobs"
)
def cancel(batch: BatchId, principal: MaySubmit, services: ServicesDep) -> CanceledBatch:
    """Cancels every job of yours with this label, as canceling each would. Safe to repeat."""
    done = services.jobs.cancel_batch(batch, principal.tenant_id)
    return CanceledBatch(id=batch, canceled=done.canceled, stopping=done.stopping)
