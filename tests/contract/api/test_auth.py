"""Keys and scopes."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from tests.contract.api.serving import Stack, Tenant, request
from tests.contract.api.test_bad_input import refused


@pytest.mark.parametrize("header", ["", "Bearer", "Basic dXNlcjpwYXNz", "ipd_naked"])
def test_anything_but_a_bearer_key_is_no_key(stack: Stack, header: str) -> None:
    refused(httpx.get(f"{stack.url}/v1/jobs", headers={"Authorization": header}), 401, "key_missing")


def test_bytes_that_are_no_text_are_no_key(stack: Stack) -> None:
    refused(httpx.get(f"{stack.url}/v1/jobs", headers={"Authorization": b"Bearer \xff\xfe"}), 401, "key_invalid")


def test_an_expired_key_is_unknown(stack: Stack) -> None:
    tenant_id = stack.services.keys.create_tenant("expired")
    key = stack.services.keys.create_key(tenant_id, ["read"], life=timedelta(seconds=-5))
    refused(httpx.get(f"{stack.url}/v1/jobs", headers={"Authorization": f"Bearer {key}"}), 401, "key_invalid")


def test_admin_may_do_all_of_it(stack: Stack) -> None:
    with stack.tenant("operator", "admin").http as http:
        assert http.post("/v1/jobs", json=request()).status_code == 202
        assert http.get("/v1/jobs").status_code == 200


def test_nothing_is_read_before_the_key(tenant: Tenant) -> None:
    answer = httpx.post(f"{tenant.stack.url}/v1/jobs", content=b"{", headers={"content-type": "application/json"})
    refused(answer, 401, "key_missing")
