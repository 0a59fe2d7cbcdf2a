"""Query parameters. A name that is not listed is refused, as in bodies."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from producer.api.schemas import MAX_METADATA_BYTES, BatchLabel, UserName, WebhookUrl
from storage.job import JobState, Priority

MAX_WAIT_SECONDS = 60
Wait = Annotated[int, Field(ge=0, le=MAX_WAIT_SECONDS)]
_WAIT = "Seconds to wait until the job has ended or is held for a person."


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("wrong_format", "The year must lie between 1 and 9999 in UTC.") from None


UtcTime = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SubmitQuery(_Closed):
    """Of POST /v1/jobs."""

    wait: Wait = Field(0, description=_WAIT)
    dry_run: bool = Field(False, description="Store nothing; answer 200 with the job as it would stand.")


class ReadQuery(_Closed):
    """Of GET /v1/jobs/{id}."""

    wait: Wait = Field(0, description=_WAIT)


class ImageQuery(_Closed):
    """Of GET /v1/jobs/{id}/images/{n}."""

    redirect: bool = Field(False, description="Answer with a short-lived link to the object store where it has links.")


class SendQuery(_Closed):
    """Of POST /v1/batches."""

    priority: Priority = Field(Priority.BULK, description="Of lines that name none.")
    metadata: Annotated[str, Field(max_length=2 * MAX_METADATA_BYTES)] | None = Field(
        None, description="Anything of yours: a JSON object of at most 16 keys and 4096 bytes."
    )
    webhook_url: WebhookUrl | None = Field(None, description="Where `batch.finished` is sent, signed as for a job.")


class ResultFormat(StrEnum):
    """How results are sent."""

    NDJSON = "ndjson"
    ZIP = "zip"


class ResultQuery(_Closed):
    """Of GET /v1/batches/{id}/results."""

    format: ResultFormat | None = Field(None, description="Unset: as `Accept` says, else lines.")
    links: bool = Field(False, description="Lines only: add a link to each image, good for a day.")


class BatchListQuery(_Closed):
    """Of GET /v1/batches."""

    limit: Annotated[int, Field(ge=1, le=100)] = Field(20, description="Batches a page.")
    cursor: Annotated[str, Field(pattern=r"^batch_[0-9a-z]{26}$")] | None = Field(
        None, description="`next_cursor` of the page before."
    )


class ListQuery(_Closed):
    """Of GET /v1/jobs."""

    status: JobState | None = Field(None, description="Only jobs in this state.")
    batch: BatchLabel | None = Field(None, description="Only jobs with this label.")
    user: UserName | None = Field(None, description="Your name for an end-user.")
    created_after: UtcTime | None = Field(None, description="RFC 3339, with a zone.")
    created_before: UtcTime | None = Field(None, description="RFC 3339, with a zone.")
    limit: Annotated[int, Field(ge=1, le=200)] = Field(50, description="Jobs a page.")
    cursor: Annotated[str, Field(pattern=r"^job_[0-9a-z]{26}$")] | None = Field(
        None, description="`next_cursor` of the page before."
    )
