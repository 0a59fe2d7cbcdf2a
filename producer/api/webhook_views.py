"""Webhooks as callers send and see them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from producer.api.queries import UtcTime
from producer.api.schemas import EndpointEvents, WebhookUrl
from storage.webhook import Attempt, Delivery, DeliveryState, Endpoint, Secret

DAY = 86_400.0
DeliveryName = Annotated[str, Field(pattern=r"^dlv_[0-9a-z]{26}_[0-9a-z]{26}$")]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _with_example(example: dict[str, JsonValue]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [example]})


class NewWebhook(_Closed):
    """An endpoint that is told of all jobs and batches of the tenant."""

    model_config = _with_example({"url": "https://example.org/inpaintd", "events": ["job.succeeded"]})

    url: WebhookUrl = Field(description="https, of a public host.", examples=["https://example.org/inpaintd"])
    events: EndpointEvents | None = Field(None, description="Which events; unset: every end, and `job.held`.")


class WebhookChange(_Closed):
    """What to change; a field that is left out stays."""

    model_config = _with_example({"disabled": False})

    url: WebhookUrl | None = None
    events: EndpointEvents | None = None
    disabled: bool | None = Field(None, description="True: send nothing, and fail what waits. False: send again.")


class Rotation(_Closed):
    """How long the secret of before goes on signing beside the new one."""

    model_config = _with_example({"keep_seconds": 3600})

    keep_seconds: Annotated[float, Field(ge=0, le=7 * DAY)] = Field(DAY, description="0: not at all.")


class Replay(_Closed):
    """Either one `delivery`, or every one that was created in [`since`, `until`)."""

    model_config = _with_example({"since": "2026-01-02T03:04:05Z", "failed_only": True})

    delivery: DeliveryName | None = None
    since: UtcTime | None = Field(None, description="RFC 3339, with a zone.")
    until: UtcTime | None = Field(None, description="RFC 3339, with a zone; unset: now.")
    failed_only: bool = Field(True, description="Of a range: leave out what was delivered.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.delivery is None) == (self.since is None):
            raise PydanticCustomError("wrong_format", "Send either `delivery` or `since`.")
        return self


class DeliveryQuery(_Closed):
    """Of GET /v1/webhooks/{id}/deliveries."""

    status: DeliveryState | None = Field(None, description="Only deliveries in this state.")
    job: Annotated[str, Field(pattern=r"^job_[0-9a-z]{26}$")] | None = Field(None, description="Only of this job.")
    limit: Annotated[int, Field(ge=1, le=200)] = Field(50, description="Deliveries a page.")
    cursor: DeliveryName | None = Field(None, description="`next_cursor` of the page before.")


class WebhookView(BaseModel):
    """An endpoint. `paused_until` is set while nothing is sent because too many attempts in a row failed."""

    id: str = Field(examples=["whk_06f3kq5x6m8v2n4p7r9t1w3y5z"])
    object: Literal["webhook"] = "webhook"
    url: str
    events: list[str]
    all_jobs: bool = Field(description="False: made by the `webhook_url` of a job, and told of such jobs alone.")
    disabled: bool
    disabled_reason: str | None
    failures: int = Field(description="Failed attempts in a row.")
    paused_until: datetime | None
    created_at: datetime


class SecretView(BaseModel):
    """A signing secret; `expires_at` is null for the newest."""

    secret: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw0b2pKQy3c1M="])
    expires_at: datetime | None


class SecretList(BaseModel):
    """Every secret that signs now, newest first: one, or two for a while after a rotation."""

    object: Literal["list"] = "list"
    data: list[SecretView]


class NewWebhookView(WebhookView):
    """A new endpoint with its secret."""

    secret: str


class WebhookList(BaseModel):
    """All endpoints, oldest first; those of single jobs are not among them."""

    object: Literal["list"] = "list"
    data: list[WebhookView]


class DeliveryView(BaseModel):
    """An event on its way to an endpoint. `id` is the header `webhook-id`, the same in every attempt and replay."""

    id: str
    object: Literal["delivery"] = "delivery"
    webhook: str
    event: str
    job: str | None
    type: str
    status: DeliveryState
    attempts: int = Field(description="Failed and successful ones since it was created or replayed.")
    next_attempt_at: datetime | None
    created_at: datetime
    delivered_at: datetime | None


class AttemptView(BaseModel):
    """One attempt: the receiver's status, or why there was none. `answer` is the beginning of the answer."""

    at: datetime
    status: int | None
    error: str | None
    milliseconds: int
    answer: str


class DeliveryDetail(DeliveryView):
    """A delivery with its log, oldest attempt first."""

    log: list[AttemptView]


class DeliveryList(BaseModel):
    """A page of deliveries, newest event first. Null as `next_cursor`: this is the last."""

    object: Literal["list"] = "list"
    data: list[DeliveryView]
    next_cursor: str | None


class Replayed(BaseModel):
    """How many deliveries are sent again."""

    replayed: int


def webhook_view(endpoint: Endpoint) -> WebhookView:
    """The view of `endpoint`."""
    return WebhookView(
        id=endpoint.id,
        url=endpoint.url,
        events=list(endpoint.events),
        all_jobs=endpoint.all_jobs,
        disabled=endpoint.disabled_at is not None,
        disabled_reason=endpoint.disabled_reason,
        failures=endpoint.failures,
        paused_until=endpoint.opened_until,
        created_at=endpoint.created_at,
    )


def secret_list(secrets: tuple[Secret, ...]) -> SecretList:
    """The view of `secrets`."""
    return SecretList(data=[SecretView(secret=one.text, expires_at=one.expires_at) for one in secrets])


def delivery_view(delivery: Delivery) -> DeliveryView:
    """The view of `delivery`."""
    pending = delivery.state is DeliveryState.PENDING
    return DeliveryView(
        id=delivery.id,
        webhook=delivery.endpoint_id,
        event=delivery.event_id,
        job=delivery.job_id,
        type=delivery.type,
        status=delivery.state,
        attempts=delivery.attempts,
        next_attempt_at=delivery.next_at if pending else None,
        created_at=delivery.created_at,
        delivered_at=delivery.delivered_at,
    )


def delivery_detail(delivery: Delivery, attempts: list[Attempt]) -> DeliveryDetail:
    """The view of `delivery` with its log."""
    log = [AttemptView(**{name: getattr(one, name) for name in AttemptView.model_fields}) for one in attempts]
    return DeliveryDetail(**delivery_view(delivery).model_dump(), log=log)
