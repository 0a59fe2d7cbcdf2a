"""Webhooks as the service shows and sends them. The keys are the contract; a later service may add more."""

from __future__ import annotations

from typing import Any, Literal, TypedDict


class WebhookView(TypedDict):
    """An endpoint. `paused_until` is set while nothing is sent because too many attempts in a row failed."""

    id: str
    object: Literal["webhook"]
    url: str
    events: list[str]
    all_jobs: bool
    disabled: bool
    disabled_reason: str | None
    failures: int
    paused_until: str | None
    created_at: str


class NewWebhookView(WebhookView):
    """A new endpoint with its secret."""

    secret: str


class WebhookList(TypedDict):
    """All endpoints, oldest first."""

    object: Literal["list"]
    data: list[WebhookView]


class SecretView(TypedDict):
    """A signing secret; `expires_at` is null for the newest."""

    secret: str
    expires_at: str | None


class SecretList(TypedDict):
    """Every secret that signs now, newest first."""

    object: Literal["list"]
    data: list[SecretView]


class DeliveryView(TypedDict):
    """An event on its way to an endpoint. `id` is the header `webhook-id`."""

    id: str
    object: Literal["delivery"]
    webhook: str
    event: str
    job: str | None
    type: str
    status: Literal["pending", "delivered", "failed"]
    attempts: int
    next_attempt_at: str | None
    created_at: str
    delivered_at: str | None


class AttemptView(TypedDict):
    """One attempt: the receiver's status, or why there was none, and the beginning of its answer."""

    at: str
    status: int | None
    error: str | None
    milliseconds: int
    answer: str


class DeliveryDetail(DeliveryView):
    """A delivery with its log, oldest attempt first."""

    log: list[AttemptView]


class DeliveryPage(TypedDict):
    """Deliveries, newest event first; pass `next_cursor` for the next page."""

    object: Literal["list"]
    data: list[DeliveryView]
    next_cursor: str | None


class Replayed(TypedDict):
    """How many deliveries are sent again."""

    replayed: int


class WebhookEvent(TypedDict):
    """What a webhook says; `data` is the job, or the batch, as GET shows it."""

    type: str
    timestamp: str
    data: dict[str, Any]
