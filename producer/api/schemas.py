"""What POST /v1/jobs takes: the parameters every door shares, and what only a job has."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, field_validator
from pydantic_core import PydanticCustomError, to_json

from producer.outbound.addresses import MAX_URL
from storage.job import Priority
from storage.params import InpaintParams

MAX_METADATA_KEYS = 16
MAX_METADATA_BYTES = 4096
MAX_DEADLINE_SECONDS = 86_400.0
# Beyond this, readers that keep numbers as IEEE doubles change the last digits (RFC 8259, section 6).
MAX_EXACT_INTEGER = 2**53 - 1


def _storable(text: str) -> str:
    if "\0" in text:
        raise PydanticCustomError("text_invalid", "The text holds a NUL character; remove it.")
    return text


def _metadata(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if len(value) > MAX_METADATA_KEYS:
        raise _bad_metadata(f"at most {MAX_METADATA_KEYS} keys, not {len(value)}")
    _check_json(value)
    size = len(to_json(value))
    if size > MAX_METADATA_BYTES:
        raise _bad_metadata(f"at most {MAX_METADATA_BYTES} bytes of JSON, not {size}")
    return value


def _check_json(value: JsonValue) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _storable(key)
            _check_json(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_json(inner)
    elif isinstance(value, str):
        _storable(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise _bad_metadata("finite numbers only")
    elif isinstance(value, int) and abs(value) > MAX_EXACT_INTEGER:
        raise _bad_metadata("whole numbers up to 2^53 - 1; write larger ones as text")


def _bad_metadata(expected: str) -> PydanticCustomError:
    return PydanticCustomError("metadata_invalid", "Metadata takes {expected}.", {"expected": expected})


UserName = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_storable)]
# As long as an id, since a batch will have one.
BatchLabel = Annotated[str, Field(min_length=1, max_length=40), AfterValidator(_storable)]
WebhookUrl = Annotated[str, Field(min_length=1, max_length=MAX_URL)]
WebhookEvent = Literal[
    "job.started",
    "job.held",
    "job.succeeded",
    "job.failed",
    "job.blocked",
    "job.canceled",
    "job.expired",
    "job.withdrawn",
]
WebhookEvents = Annotated[list[WebhookEvent], Field(min_length=1, max_length=20)]


class JobFields(InpaintParams):
    """Every field of a request but its pictures: the parts of a form that are text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    priority: Priority = Field(Priority.STANDARD, description="Share of the fleet: 8 : 4 : 1. Nothing starves.")
    deadline_seconds: Annotated[float, Field(gt=0, le=MAX_DEADLINE_SECONDS)] | None = Field(
        None, description="The job expires when it is not finished this long after it was sent."
    )
    user: UserName | None = Field(
        None, description="Your name for your end-user. Only a pseudonym of it is stored and shown."
    )
    metadata: Annotated[dict[str, JsonValue], AfterValidator(_metadata)] = Field(
        default_factory=dict, description="Anything of yours: at most 16 keys and 4096 bytes of JSON."
    )
    batch: BatchLabel | None = Field(None, description="A label that groups jobs; `GET /v1/jobs?batch=` lists them.")
    webhook_url: WebhookUrl | None = Field(
        None, description="Where this job's events are sent, signed with the secret of `/v1/webhooks/default/secret`."
    )
    webhook_events: WebhookEvents | None = Field(
        None, description="Which of them; unset: every end, and `job.held`. Needs `webhook_url`."
    )

    @field_validator("prompt", "negative_prompt")
    @classmethod
    def _prompts_are_storable(cls, value: str) -> str:
        return _storable(value)

    def params(self) -> InpaintParams:
        """The part that says how to paint."""
        values = {name: getattr(self, name) for name in InpaintParams.model_fields}
        return InpaintParams.model_construct(**values)


_EXAMPLE: dict[str, JsonValue] = {
    "image": "file_06f3kq5x6m8v2n4p7r9t1w3y5z",
    "mask": "data:image/png;base64,iVBORw0KGgo...",
    "prompt": "a red circle",
    "seed": 7,
}
_SOURCE = "A `file_` id from `POST /v1/files`, an `https:` URL, or a `data:` URI with base64."


class JobRequest(JobFields):
    """An inpainting job. White in `mask` is repainted; without `mask`, transparent pixels of `image` are."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [_EXAMPLE]},
    )

    image: str = Field(description=f"The picture to change: PNG, JPEG or WebP. {_SOURCE}")
    mask: str | None = Field(None, description=f"What to repaint: a picture of the same size. {_SOURCE}")
