"""What a tenant may use, as its callers meet it."""

from __future__ import annotations

import time

import httpx

from storage.tenant_store import TenantLimits
from tests.contract.api.serving import Stack, Tenant, finish, photo, request
from tests.contract.api.test_bad_input import refused


def limited(stack: Stack, name: str, **limits: float) -> Tenant:
    """A tenant with limits."""
    tenant = stack.tenant(name, "submit", "read")
    stack.services.tenants.set_limits(name, TenantLimits(**limits))  # type: ignore[arg-type]
    return tenant


def test_too_many_requests_are_refused_before_their_body_is_read_and_taken_again_later(stack: Stack) -> None:
    tenant = limited(stack, "hasty", requests_per_second=1)
    with tenant.http as http:
        answers = [http.get("/v1/models") for _ in range(3)]
        refusal = http.post("/v1/jobs", content=b"{")
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        refused(refusal, 429, "too_many_requests")
        assert refusal.headers["retry-after"] == "1"
        time.sleep(1)
        assert http.get("/v1/models").status_code == 200


def test_a_slow_rate_says_how_long_to_wait_in_whole_seconds(stack: Stack) -> None:
    with limited(stack, "slow", requests_per_second=0.3).http as http:
        assert http.get("/v1/models").status_code == 200
        assert http.get("/v1/models").headers["retry-after"] == "4"


def test_one_tenants_limit_is_not_anothers(stack: Stack, tenant: Tenant) -> None:
    with limited(stack, "busy", requests_per_second=0.5).http as http:
        http.get("/v1/models")
        assert http.get("/v1/models").status_code == 429
    assert [tenant.http.get("/v1/models").status_code for _ in range(8)] == [200] * 8


def test_what_needs_no_key_is_not_counted(stack: Stack) -> None:
    assert {httpx.get(f"{stack.url}/healthz").status_code for _ in range(5)} == {200}


def test_a_full_queue_refuses_more_until_there_is_room(stack: Stack) -> None:
    tenant = limited(stack, "full", max_queued=2)
    with tenant.http as http:
        kept = {"Idempotency-Key": "first"}
        first = http.post("/v1/jobs", json=request(), headers=kept)
        tenant.accepted()
        refusal = tenant.submit()
        refused(refusal, 429, "queue_full")
        assert int(refusal.headers["retry-after"]) >= 1
        assert tenant.left_behind() == (2, 4), "what was refused left nothing"
        assert http.post("/v1/jobs", json=request(), headers=kept).content == first.content, "a copy needs no room"
        finish(stack.services, first.json()["id"], photo())
        tenant.accepted()
