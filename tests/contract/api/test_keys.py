"""/v1/keys: keys of the tenant, by whoever has one with the scope `admin`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.contract.api.serving import Stack, Tenant
from tests.contract.api.test_bad_input import refused


@pytest.fixture
def admin(stack: Stack, tenant: Tenant) -> Iterator[httpx.Client]:
    """The tenant with a key that may do everything."""
    key = stack.services.keys.create_key(tenant.id, ["admin"])
    with httpx.Client(base_url=stack.url, headers={"Authorization": f"Bearer {key}"}) as http:
        yield http


def opens(stack: Stack, key: str) -> int:
    return httpx.get(f"{stack.url}/v1/jobs", headers={"Authorization": f"Bearer {key}"}).status_code


def test_a_key_is_made_listed_turned_and_revoked(stack: Stack, admin: httpx.Client) -> None:
    made = admin.post("/v1/keys", json={"name": "web", "scopes": ["read"], "expires_in_seconds": 3600})
    assert made.status_code == 201
    key: dict[str, Any] = made.json()
    assert opens(stack, key["key"]) == 200
    listed = {one["id"]: one for one in admin.get("/v1/keys").json()["data"]}
    assert listed[key["id"]]["last_used_at"] is not None
    assert (listed[key["id"]]["name"], listed[key["id"]]["scopes"]) == ("web", ["read"])
    assert key["key"] not in admin.get("/v1/keys").text
    assert len(listed) == 3, "the tenant's own and the one that asks are among them"

    turned = admin.post(f"/v1/keys/{key['id']}/rotate", json={"keep_seconds": 600}).json()
    assert (opens(stack, key["key"]), opens(stack, turned["key"])) == (200, 200)
    assert admin.delete(f"/v1/keys/{key['id']}").json()["revoked_at"] is not None
    assert (opens(stack, key["key"]), opens(stack, turned["key"])) == (401, 200)
    refused(admin.post(f"/v1/keys/{key['id']}/rotate"), 404, "key_not_found")


def test_a_rotation_without_a_body_keeps_the_old_key_for_a_day(stack: Stack, admin: httpx.Client) -> None:
    made = admin.post("/v1/keys", json={"scopes": ["read"]}).json()
    assert admin.post(f"/v1/keys/{made['id']}/rotate").status_code == 201
    assert opens(stack, made["key"]) == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"scopes": []}, "wrong_length"),
        ({"scopes": ["fly"]}, "not_a_choice"),
        ({"name": "x"}, "field_missing"),
        ({"scopes": ["read"], "name": "\0"}, "text_invalid"),
        ({"scopes": ["read"], "expires_in_seconds": 0}, "out_of_range"),
        ({"scopes": ["read"], "expires_in_seconds": 1e12}, "out_of_range"),
        ({"scopes": ["read"], "tenant": "other"}, "field_unknown"),
    ],
)
def test_what_cannot_be_meant_is_refused(admin: httpx.Client, body: dict[str, Any], code: str) -> None:
    refused(admin.post("/v1/keys", json=body), 422, code)


@pytest.mark.parametrize("key_id", ["x", "key_", "key_%00", f"job_{'0' * 26}"])
def test_what_is_no_id_is_no_key(admin: httpx.Client, key_id: str) -> None:
    refused(admin.delete(f"/v1/keys/{key_id}"), 404, "key_not_found")
