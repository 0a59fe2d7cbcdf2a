"""What the client sends again by itself, and that it stays one job."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from producer import client_retries
from producer.client import Client
from producer.client_errors import ServiceRefused, ServiceUnreachable
from producer.client_retries import TRIES
from storage.tenant_store import TenantLimits
from tests.contract.api.serving import Tenant, mask, photo
from tests.unit.cli.conftest import Run


class Line:
    """Stands between client and service: plays `steps`, one for each request, then lets requests through."""

    def __init__(self, client: Client, monkeypatch: pytest.MonkeyPatch, steps: list[Any], **headers: str) -> None:
        self.keys: list[str | None] = []
        self.pauses: list[float] = []
        through = client._http.request

        def request(*arguments: Any, **options: Any) -> httpx.Response:
            self.keys.append((options.get("headers") or {}).get("Idempotency-Key"))
            step = steps.pop(0) if steps else None
            if step == "lost":
                through(*arguments, **options)
                raise httpx.ReadError("the connection broke")
            if isinstance(step, int):
                return httpx.Response(step, headers=headers)
            if step is not None:
                raise step("away")
            return through(*arguments, **options)

        monkeypatch.setattr(client._http, "request", request)
        monkeypatch.setattr(client_retries.time, "sleep", self.pauses.append)


@pytest.mark.parametrize("trouble", [httpx.ConnectError, httpx.ReadTimeout, 429, 502, 503, "lost"])
def test_a_submit_is_repeated_under_one_key_and_is_one_job(
    client: Client, monkeypatch: pytest.MonkeyPatch, trouble: Any
) -> None:
    line = Line(client, monkeypatch, [trouble, trouble])
    job = client.submit(photo(), mask(), "a red circle")
    assert len(line.keys) == 3
    assert len(set(line.keys)) == 1
    assert line.keys[0]
    assert [found["id"] for found in client.list()["data"]] == [job["id"]]


def test_two_submits_are_two_jobs_unless_the_caller_names_them_alike(client: Client) -> None:
    same = [client.submit(photo(), mask(), "x", idempotency_key="order 17")["id"] for _ in range(2)]
    others = [client.submit(photo(), mask(), "x")["id"] for _ in range(2)]
    assert len({*same, *others}) == 3


def test_it_gives_up_after_a_few_tries(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(client, monkeypatch, [httpx.ConnectError] * 99)
    with pytest.raises(ServiceUnreachable):
        client.submit(photo(), mask(), "x")
    assert len(line.keys) == TRIES
    assert line.pauses == sorted(line.pauses), "each pause is longer than the one before"


def test_it_waits_as_long_as_it_is_told_but_not_for_ever(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(client, monkeypatch, [429], **{"Retry-After": "7"})
    assert client.list()["data"] == [], "a refusal for its rate was not carried out: anything may be sent again"
    assert 7 <= line.pauses[0] < 10

    line = Line(client, monkeypatch, [429], **{"Retry-After": "3600"})
    with pytest.raises(ServiceRefused):
        client.list()
    assert line.pauses == []


@pytest.mark.parametrize(("trouble", "error"), [(httpx.ReadError, ServiceUnreachable), (503, ServiceRefused)])
def test_what_may_have_been_done_is_not_repeated_without_a_key(
    client: Client, monkeypatch: pytest.MonkeyPatch, trouble: Any, error: type[Exception]
) -> None:
    line = Line(client, monkeypatch, [trouble])
    with pytest.raises(error):
        client.upload(photo())
    assert (len(line.keys), line.pauses) == (1, [])


@pytest.mark.parametrize("status", [400, 401, 422, 500])
def test_an_answer_that_would_come_again_is_taken(client: Client, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    line = Line(client, monkeypatch, [status])
    with pytest.raises(ServiceRefused):
        client.submit(photo(), mask(), "x")
    assert len(line.keys) == 1


def test_a_batch_is_canceled_by_its_label(client: Client) -> None:
    client.submit(photo(), mask(), "x", batch="a/b c")
    assert client.cancel_batch("a/b c") == {"object": "batch", "id": "a/b c", "canceled": 1, "stopping": 0}


def test_a_command_that_is_told_to_wait_says_so_with_the_status_of_a_service_away(run: Run, tenant: Tenant) -> None:
    hasty = tenant.stack.tenant("hasty")
    hasty.http.close()
    tenant.stack.services.tenants.set_limits("hasty", TenantLimits(requests_per_second=0.01))
    first, second = (run("get", "job_" + "0" * 26, INPAINTD_KEY=hasty.key) for _ in range(2))
    assert (first.exit_code, second.exit_code) == (2, 3)
    assert "too_many_requests" in second.stderr
