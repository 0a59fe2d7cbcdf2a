"""Calls about webhooks: endpoints, secrets, deliveries. As an id, `default` stands for what jobs with a
`webhook_url` of their own are told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from producer.client.answers import ask, fetch
from producer.client.steps import Steps, request
from producer.client.webhook_types import (
    DeliveryDetail,
    DeliveryPage,
    DeliveryView,
    NewWebhookView,
    Replayed,
    SecretList,
    WebhookList,
    WebhookView,
)

_PATH = "/v1/webhooks"
DAY_SECONDS = 86_400.0


def create_webhook(url: str, events: Sequence[str] | None = None) -> Steps[NewWebhookView]:
    """An endpoint that is told of all jobs; its `secret` signs what it is sent. Unset `events`: ends and `job.held`."""
    return (yield from fetch(NewWebhookView, "POST", _PATH, json=_given(url=url, events=events)))


def list_webhooks() -> Steps[WebhookList]:
    """Every endpoint, oldest first."""
    return (yield from fetch(WebhookList, "GET", _PATH))


def get_webhook(webhook_id: str) -> Steps[WebhookView]:
    """One endpoint as it stands."""
    return (yield from fetch(WebhookView, "GET", _one(webhook_id)))


def update_webhook(
    webhook_id: str, *, url: str | None = None, events: Sequence[str] | None = None, disabled: bool | None = None
) -> Steps[WebhookView]:
    """Changes what is given. Enabling also ends a pause."""
    changes = _given(url=url, events=events, disabled=disabled)
    return (yield from fetch(WebhookView, "PATCH", _one(webhook_id), repeatable=True, json=changes))


def delete_webhook(webhook_id: str) -> Steps[None]:
    """Sends nothing more there, and drops what waits."""
    yield from ask(request("DELETE", _one(webhook_id)))


def webhook_secrets(webhook_id: str = "default") -> Steps[SecretList]:
    """Every secret that signs now, newest first."""
    return (yield from fetch(SecretList, "GET", f"{_one(webhook_id)}/secret"))


def rotate_webhook(webhook_id: str, keep_seconds: float = DAY_SECONDS) -> Steps[SecretList]:
    """Makes a new secret, beside which the one of before goes on signing for so many seconds, up to seven days."""
    kept = {"keep_seconds": keep_seconds}
    return (yield from fetch(SecretList, "POST", f"{_one(webhook_id)}/rotate", json=kept))


def test_webhook(webhook_id: str) -> Steps[DeliveryView]:
    """Sends a `webhook.test`, signed and retried like any other event."""
    return (yield from fetch(DeliveryView, "POST", f"{_one(webhook_id)}/test"))


def webhook_deliveries(webhook_id: str = "default", **filters: str | int) -> Steps[DeliveryPage]:
    """A page of deliveries, newest event first. Filters: status, job, limit, cursor."""
    return (yield from fetch(DeliveryPage, "GET", f"{_one(webhook_id)}/deliveries", params=filters))


def webhook_delivery(webhook_id: str, delivery_id: str) -> Steps[DeliveryDetail]:
    """A delivery with every attempt."""
    path = f"{_one(webhook_id)}/deliveries/{quote(delivery_id, safe='')}"
    return (yield from fetch(DeliveryDetail, "GET", path))


def replay_webhook(
    webhook_id: str,
    delivery: str | None = None,
    *,
    since: str | None = None,
    until: str | None = None,
    failed_only: bool = True,
) -> Steps[Replayed]:
    """Sends one delivery again, or those of a time (RFC 3339), under the same ids and with the same bodies."""
    which = _given(delivery=delivery, since=since, until=until) | ({} if failed_only else {"failed_only": False})
    return (yield from fetch(Replayed, "POST", f"{_one(webhook_id)}/replay", json=which))


def _one(webhook_id: str) -> str:
    return f"{_PATH}/{quote(webhook_id, safe='')}"


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
