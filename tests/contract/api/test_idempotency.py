"""The same request sent twice is one job, and the second copy gets what the first got."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.contract.api.serving import Tenant, data_uri, finish, mask, photo, request
from tests.contract.api.test_bad_input import refused


def sent(tenant: Tenant, key: str | None, query: str = "", **changes: object) -> httpx.Response:
    """POST /v1/jobs under an idempotency key."""
    headers = {} if key is None else {"Idempotency-Key": key}
    return tenant.http.post(f"/v1/jobs{query}", json=request(**changes), headers=headers)


def test_a_copy_gets_the_bytes_of_the_first_answer_whatever_happened_since(tenant: Tenant) -> None:
    first = sent(tenant, "order 17", metadata={"z": 1, "a": 2.50})
    finish(tenant.stack.services, first.json()["id"], photo())
    again = sent(tenant, "order 17", metadata={"a": 2.50, "z": 1})

    assert (first.status_code, again.status_code) == (202, 202)
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["content-type"] == first.headers["content-type"]
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
    assert tenant.left_behind() == (1, 2), "the copy's pictures are not kept"


def test_forms_with_other_boundaries_and_order_are_the_same_request(tenant: Tenant) -> None:
    def form(boundary: str, **texts: str) -> httpx.Response:
        headers = {"Idempotency-Key": "f", "Content-Type": f"multipart/form-data; boundary={boundary}"}
        return tenant.http.post("/v1/jobs", data=texts, files={"image": photo(), "mask": mask()}, headers=headers)

    first = form("one", prompt="a red circle", steps="12")
    again = form("another", steps="12", prompt="a red circle")
    assert first.status_code == 202, first.text
    assert again.content == first.content


@pytest.mark.parametrize("change", [{"prompt": "a blue circle"}, {"mask": data_uri(mask(box=(0, 0, 9, 9)))}])
def test_another_request_under_the_same_key_is_refused(tenant: Tenant, change: dict[str, str]) -> None:
    first = sent(tenant, "k")
    refused(sent(tenant, "k", **change), 422, "idempotency_key_reused")
    assert sent(tenant, "k").content == first.content
    assert tenant.left_behind() == (1, 2)


def test_a_key_is_the_tenants_own(tenant: Tenant, stranger: Tenant) -> None:
    mine, theirs = sent(tenant, "k"), sent(stranger, "k", prompt="another")
    assert theirs.status_code == 202
    assert mine.json()["id"] != theirs.json()["id"]


def test_a_refusal_is_not_kept(tenant: Tenant) -> None:
    refused(sent(tenant, "k", steps=0), 422, "out_of_range")
    corrected = sent(tenant, "k")
    assert corrected.status_code == 202
    assert "idempotent-replayed" not in corrected.headers


def test_a_blocked_request_is_kept_like_any_other(tenant: Tenant) -> None:
    first = sent(tenant, "k", prompt="remove her clothes")
    assert first.json()["status"] == "blocked"
    assert sent(tenant, "k", prompt="remove her clothes").content == first.content


@pytest.mark.parametrize("key", [b"", b"a" * 256, b"tab\there", "é".encode()])
def test_a_key_that_is_none_is_refused(tenant: Tenant, key: bytes) -> None:
    headers = {"Idempotency-Key": key}
    refused(tenant.http.post("/v1/jobs", json=request(), headers=headers), 400, "idempotency_key_invalid")
    assert tenant.left_behind() == (0, 0)


def test_the_longest_key_is_taken_and_two_are_not(tenant: Tenant) -> None:
    assert sent(tenant, "~" * 255).status_code == 202
    twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    refused(tenant.http.post("/v1/jobs", json=request(), headers=twice), 400, "idempotency_key_invalid")


def test_copies_sent_at_once_are_one_job_with_one_answer(tenant: Tenant) -> None:
    together = threading.Barrier(8)

    def send(_: int) -> httpx.Response:
        together.wait()
        return sent(tenant, "at once")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(8)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert tenant.left_behind() == (1, 2)


def test_a_waiting_submit_keeps_the_answer_that_it_waited_for(tenant: Tenant) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(sent, tenant, "w", "?wait=20")
        while not (jobs := tenant.http.get("/v1/jobs").json()["data"]):
            pass
        finish(tenant.stack.services, jobs[0]["id"], photo())
        first = waiting.result(30)
    assert first.json()["status"] == "succeeded"
    assert sent(tenant, "w").content == first.content


@pytest.mark.parametrize("header", ["X-Stainless-Retry-Count", "Retry-Attempt", "X-Retry-Count"])
def test_a_retry_without_a_key_finds_the_job_of_its_first_try(tenant: Tenant, header: str) -> None:
    first = tenant.submit()
    retry = tenant.http.post("/v1/jobs", json=request(), headers={header: "1"})
    assert retry.json()["id"] == first.json()["id"]
    assert retry.headers["idempotent-replayed"] == "true"
    assert retry.headers["location"] == first.headers["location"]


@pytest.mark.parametrize("count", ["0", "", "x", "-1", "²"])
def test_a_request_that_is_no_retry_is_a_job_of_its_own(tenant: Tenant, count: str) -> None:
    first = tenant.submit()
    headers = {"X-Stainless-Retry-Count": count.encode()}
    second = tenant.http.post("/v1/jobs", json=request(), headers=headers)
    assert second.json()["id"] != first.json()["id"]


def test_a_retry_of_another_request_or_tenant_is_a_job_of_its_own(tenant: Tenant, stranger: Tenant) -> None:
    first, retried = tenant.submit(), {"X-Retry-Count": "2"}
    other = tenant.http.post("/v1/jobs", json=request(prompt="another"), headers=retried)
    theirs = stranger.http.post("/v1/jobs", json=request(), headers=retried)
    assert len({answer.json()["id"] for answer in (first, other, theirs)}) == 3


def test_the_header_is_in_the_interfaces_document(tenant: Tenant) -> None:
    document = tenant.http.get("/openapi.json").json()
    operation = document["paths"]["/v1/jobs"]["post"]
    assert {parameter["name"] for parameter in operation["parameters"]} >= {"Idempotency-Key", "wait"}
    assert "JobView" in json.dumps(operation["responses"]["202"])
