"""/v1/webhooks: endpoints, their secrets, what was delivered, replay, and a test.

Where an id is asked for, `default` stands for what jobs with a `webhook_url` of their own are told: for their
deliveries, and for the secrets that sign them.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from producer.api.auth import MaySubmit
from producer.api.bodies import body_of, schema_of
from producer.api.dependencies import ServicesDep
from producer.api.problems import declared
from producer.api.webhook_views import (
    DeliveryDetail,
    DeliveryList,
    DeliveryQuery,
    DeliveryView,
    NewWebhook,
    NewWebhookView,
    Replay,
    Replayed,
    Rotation,
    SecretList,
    WebhookChange,
    WebhookList,
    WebhookView,
    delivery_detail,
    delivery_view,
    secret_list,
    webhook_view,
)
from producer.errors import Refusal
from producer.outbound.addresses import AddressRefused
from producer.services import Services
from producer.webhooks.payload import payload
from storage.errors import DeliveryNotFound, WebhookNotFound
from storage.webhook import DEFAULT, DEFAULT_EVENTS, TEST_EVENT

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

_ID = re.compile(r"whk_[0-9a-z]{26}")
_DELIVERY_ID = re.compile(r"dlv_[0-9a-z]{26}_[0-9a-z]{26}")
_BODY_CODES = ("json_invalid", "invalid_utf8", "body_too_large", "media_type_unsupported", "field_unknown")
_FIELD_CODES = ("url_invalid", "not_a_choice", "wrong_type", "wrong_length", "out_of_range", "wrong_format")


def _one(webhook_id: Annotated[str, Path(description="A `whk_` id.")]) -> str:
    if not _ID.fullmatch(webhook_id):
        raise WebhookNotFound(webhook_id)
    return webhook_id


def _one_or_default(webhook_id: Annotated[str, Path(description="A `whk_` id, or `default`.")]) -> str:
    return webhook_id if webhook_id == DEFAULT else _one(webhook_id)


def _delivery(delivery_id: Annotated[str, Path(description="A `dlv_` id.")]) -> str:
    if not _DELIVERY_ID.fullmatch(delivery_id):
        raise DeliveryNotFound(delivery_id)
    return delivery_id


OneId = Annotated[str, Depends(_one)]
AnyId = Annotated[str, Depends(_one_or_default)]
DeliveryId = Annotated[str, Depends(_delivery)]


@router.post(
    "",
    status_code=201,
    responses=declared("webhook_limit", "field_missing", *_BODY_CODES, *_FIELD_CODES),
    openapi_extra=schema_of(NewWebhook),
    summary="Create a webhook",
)
def create(
    principal: MaySubmit, services: ServicesDep, body: Annotated[NewWebhook, Depends(body_of(NewWebhook))]
) -> NewWebhookView:
    """The answer holds the secret that signs what is sent there."""
    _check_url(services, body.url)
    endpoint = services.webhooks.create(principal.tenant_id, body.url, body.events or DEFAULT_EVENTS)
    (secret,) = services.webhooks.secrets(endpoint.id, principal.tenant_id)
    return NewWebhookView(**webhook_view(endpoint).model_dump(), secret=secret.text)


@router.get("", responses=declared(), summary="List webhooks")
def listed(principal: MaySubmit, services: ServicesDep) -> WebhookList:
    """Those you created; a job's own `webhook_url` makes none of these."""
    return WebhookList(data=[webhook_view(one) for one in services.webhooks.list(principal.tenant_id)])


@router.get("/{webhook_id}", responses=declared("webhook_not_found"), summary="Read a webhook")
def read(principal: MaySubmit, services: ServicesDep, webhook_id: OneId) -> WebhookView:
    """One webhook as it stands."""
    return webhook_view(services.webhooks.get(webhook_id, principal.tenant_id))


@router.patch(
    "/{webhook_id}",
    responses=declared("webhook_not_found", *_BODY_CODES, *_FIELD_CODES),
    openapi_extra=schema_of(WebhookChange),
    summary="Change a webhook",
)
def change(
    principal: MaySubmit,
    services: ServicesDep,
    webhook_id: OneId,
    body: Annotated[WebhookChange, Depends(body_of(WebhookChange))],
) -> WebhookView:
    """Fields that are left out stay. Enabling also ends a pause; what failed meanwhile can be replayed."""
    if body.url is not None:
        _check_url(services, body.url)
    changed = services.webhooks.update(
        webhook_id, principal.tenant_id, url=body.url, events=body.events, disabled=body.disabled
    )
    return webhook_view(changed)


@router.delete("/{webhook_id}", status_code=204, responses=declared("webhook_not_found"), summary="Delete a webhook")
def delete(principal: MaySubmit, services: ServicesDep, webhook_id: OneId) -> Response:
    """Nothing more is sent; what still waits is dropped."""
    services.webhooks.delete(webhook_id, principal.tenant_id)
    return Response(status_code=204)


@router.get("/{webhook_id}/secret", responses=declared("webhook_not_found"), summary="Read the secrets")
def secrets(principal: MaySubmit, services: ServicesDep, webhook_id: AnyId) -> SecretList:
    """Every secret that signs now, newest first."""
    return secret_list(services.webhooks.secrets(webhook_id, principal.tenant_id))


@router.post(
    "/{webhook_id}/rotate",
    responses=declared("webhook_not_found", "out_of_range", *_BODY_CODES),
    openapi_extra=schema_of(Rotation),
    summary="Make a new secret",
)
def rotate(
    principal: MaySubmit,
    services: ServicesDep,
    webhook_id: AnyId,
    body: Annotated[Rotation, Depends(body_of(Rotation))],
) -> SecretList:
    """Until the time asked for is over, every delivery carries a signature by each of the two."""
    turned = services.webhooks.rotate(webhook_id, principal.tenant_id, keep_seconds=body.keep_seconds)
    return secret_list(turned)


@router.get("/{webhook_id}/deliveries", responses=declared("webhook_not_found", *_FIELD_CODES), summary="Deliveries")
def deliveries(
    principal: MaySubmit, services: ServicesDep, webhook_id: AnyId, query: Annotated[DeliveryQuery, Query()]
) -> DeliveryList:
    """Newest event first. Filters add up. Follow `next_cursor` until it is null."""
    page = services.deliveries.page(
        webhook_id,
        principal.tenant_id,
        state=query.status,
        job_id=query.job,
        limit=query.limit,
        cursor=query.cursor,
    )
    return DeliveryList(data=[delivery_view(one) for one in page.deliveries], next_cursor=page.next_cursor)


@router.get(
    "/{webhook_id}/deliveries/{delivery_id}",
    responses=declared("delivery_not_found"),
    summary="Read a delivery and its log",
)
def delivery(principal: MaySubmit, services: ServicesDep, webhook_id: AnyId, delivery_id: DeliveryId) -> DeliveryDetail:
    """Every attempt with what the receiver answered."""
    return delivery_detail(*services.deliveries.get(delivery_id, webhook_id, principal.tenant_id))


@router.post(
    "/{webhook_id}/replay",
    status_code=202,
    responses=declared("webhook_not_found", "delivery_not_found", "webhook_disabled", "wrong_format", *_BODY_CODES),
    openapi_extra=schema_of(Replay),
    summary="Send again",
)
def replay(
    principal: MaySubmit, services: ServicesDep, webhook_id: AnyId, body: Annotated[Replay, Depends(body_of(Replay))]
) -> Replayed:
    """One delivery, or those of a time, under the same ids and with the same bodies, and a whole new schedule."""
    if body.since is None:
        services.deliveries.replay(body.delivery or "", webhook_id, principal.tenant_id)
        return Replayed(replayed=1)
    until = body.until or datetime.now(UTC)
    count = services.deliveries.replay_range(
        webhook_id, principal.tenant_id, since=body.since, until=until, failed_only=body.failed_only
    )
    return Replayed(replayed=count)


@router.post(
    "/{webhook_id}/test",
    status_code=202,
    responses=declared("webhook_not_found", "webhook_disabled"),
    summary="Send a test",
)
def test(principal: MaySubmit, services: ServicesDep, webhook_id: OneId) -> DeliveryView:
    """Sends an event of type `webhook.test`, signed and retried like any other."""
    body = payload(TEST_EVENT, datetime.now(UTC), {"webhook": webhook_id})
    return delivery_view(services.deliveries.test(webhook_id, principal.tenant_id, body))


def _check_url(services: Services, url: str) -> None:
    try:
        services.guard.check_url(url)
    except AddressRefused as refused:
        raise Refusal.of_field("url", "url_invalid", refused.sentence) from None
