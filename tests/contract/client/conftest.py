"""Both clients against one service without a worker; tests do the worker's part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from producer.client import event_calls, retries
from producer.client.steps import Pause
from tests.contract.api.callers import tenant
from tests.contract.api.conftest import _plain_logs, stack
from tests.contract.api.serving import Tenant
from tests.contract.client.either import CLIENTS, Either
from tests.contract.client.pictures import Pictures, pictures

__all__ = ["Pictures", "_plain_logs", "pictures", "stack", "tenant"]


@pytest.fixture(params=CLIENTS)
def kind(request: pytest.FixtureRequest) -> type[Any]:
    """Each kind of client in turn."""
    return CLIENTS[request.param]


@pytest.fixture
def client(kind: type[Any], tenant: Tenant) -> Iterator[Either]:
    """Each kind of client, with the tenant's key."""
    with kind(tenant.stack.url, tenant.key) as client:
        yield client


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """No client pauses; how long each would have stands here."""
    noted: list[float] = []

    def pause(seconds: float) -> Pause:
        noted.append(seconds)
        return Pause(0.0)

    for module in (retries, event_calls):
        monkeypatch.setattr(module, "Pause", pause)
    return noted
