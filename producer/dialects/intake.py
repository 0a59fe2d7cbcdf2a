"""From a translated request to a stored job: the one place where dialects meet `Submitter.submit()`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from pydantic_core import to_json

from producer.api.bodies import parsed
from producer.api.idempotency import Copies
from producer.api.orders import order_of
from producer.api.schemas import JobFields
from producer.dialects.given import Given
from producer.dialects.origin import marked
from producer.errors import Refusal
from producer.order import Hook, Order, Source
from producer.services import Services
from storage.job import Job
from storage.key_store import Principal

_NOT_HERE = {
    "metadata": "it says which dialect a job came by",
    "webhook_url": "say it the way of this interface, or use POST /v1/jobs",
    "webhook_events": "say it the way of this interface, or use POST /v1/jobs",
}


@dataclass(frozen=True, slots=True)
class Understood:
    """An order, and what the request called our fields."""

    order: Order
    names: Mapping[str, str]


def strict(fields: Mapping[str, Any]) -> JobFields:
    """The fields of a JSON request, types taken strictly. Raises Refusal."""
    return parsed(JobFields, to_json(fields))


def understood(
    given: Given,
    dialect: str,
    image: Source,
    mask: Source | None,
    read: Callable[[Mapping[str, Any]], JobFields] = strict,
) -> Understood:
    """The order of a request whose fields `given` have been translated. Raises Refusal, in the request's names."""
    given.refuse(_NOT_HERE)
    try:
        order = order_of(read(given.finish()), image, mask)
    except Refusal as refusal:
        raise refusal.renamed(given.names) from None
    return Understood(replace(order, metadata=marked(dialect)), given.names)


def hook_of(services: Services, field: str, url: str, events: Iterable[str]) -> Hook:
    """The webhook that the request names in `field`. Raises Refusal where no body could lead back to this service."""
    if services.settings.public_url is None:
        message = "A webhook names addresses of this service: ask its operator to set INPAINTD_PUBLIC_URL."
        raise Refusal.of_field(field, "not_supported", message)
    return Hook(url, tuple(sorted(set(events))))


async def store(request: Request, services: Services, principal: Principal, found: Understood) -> Job:
    """The stored job of a request, or of its earlier copy.

    Raises what Submitter.submit() raises, refusals in the request's names.
    """
    order = Copies(request).mark(found.order)
    try:
        return (await run_in_threadpool(services.submitter.submit, principal.tenant_id, order)).job
    except Refusal as refusal:
        raise refusal.renamed(found.names) from None
