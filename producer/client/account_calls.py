"""Calls about the service and the tenant: models, and what jobs came to."""

from __future__ import annotations

from producer.client.account_types import ModelList, UsageReport
from producer.client.answers import fetch
from producer.client.steps import Steps


def models() -> Steps[ModelList]:
    """The models on offer, by alias, and what each can do."""
    return (yield from fetch(ModelList, "GET", "/v1/models"))


def usage(first: str | None = None, last: str | None = None) -> Steps[UsageReport]:
    """What the tenant's jobs came to, by day in UTC, from `first` to `last` (dates), by default the last 30 days."""
    days = {name: day for name, day in (("from", first), ("to", last)) if day is not None}
    return (yield from fetch(UsageReport, "GET", "/v1/usage", params=days))
