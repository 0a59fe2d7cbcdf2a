"""Pictures named by URL: fetched once, stored like any other, and refused with nothing left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler

import httpx
import pytest

from producer.client import Client
from tests.contract.api.serving import Stack, Tenant, mask, photo, running
from tests.contract.api.test_bad_input import refused
from tests.integration.webhooks.receiver import Answer, Receiver, receiving
from tests.objects import keys

LOCAL = "127.0.0.1"
MAX_BYTES = 200_000


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A server that may fetch from this machine: one job of a tenant at once, two of all."""
    limits = {"max_tenant_fetches": 1, "max_fetches": 2, "fetch_seconds": 20.0, "max_body_bytes": MAX_BYTES}
    with running(tmp_path_factory.mktemp("urls"), allowed_addresses=(LOCAL,), **limits) as stack:
        yield stack


@pytest.fixture
def host() -> Iterator[Receiver]:
    """Where the pictures are."""
    with receiving() as receiver:
        yield receiver


def picture(data: bytes) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def urls(host: Receiver) -> dict[str, str]:
    return {"image": host.url(path="/image?token=abc"), "mask": host.url(path="/mask")}


def test_what_was_fetched_is_stored_like_any_other_picture(tenant: Tenant, host: Receiver) -> None:
    host.answers = [picture(photo()), picture(mask())] * 3
    job = tenant.accepted(**urls(host))
    objects = tenant.stack.services.objects
    stored = keys(objects, f"inputs/{tenant.id}/")
    assert [key.rpartition("/")[2] for key in stored] == ["image", "mask"]
    assert [objects.get(key) for key in stored] == [photo(), mask()]
    assert "token=abc" not in str(job)

    with Client(tenant.stack.url, tenant.key) as client:
        assert client.submit(urls(host)["image"], urls(host)["mask"])["status"] == "queued"
    form = {"image": (None, urls(host)["image"]), "mask": (None, urls(host)["mask"])}
    assert tenant.http.post("/v1/jobs", files=form).status_code == 202


def test_a_copy_is_answered_without_fetching_again(tenant: Tenant, host: Receiver) -> None:
    def sent(headers: dict[str, str], **changes: str) -> httpx.Response:
        body = {"prompt": "a red circle", **urls(host), **changes}
        return tenant.http.post("/v1/jobs", json=body, headers=headers)

    host.answers = [picture(photo()), picture(mask())]
    first = sent({"Idempotency-Key": "k"})
    again, retry = sent({"Idempotency-Key": "k"}), sent({"X-Stainless-Retry-Count": "1"})
    assert first.status_code == 202
    assert again.content == first.content
    assert retry.json()["id"] == first.json()["id"]
    refused(sent({"Idempotency-Key": "k"}, mask=host.url(path="/other")), 422, "idempotency_key_reused")
    assert [one.path for one in host.received] == ["/image?token=abc", "/mask"]
    assert tenant.left_behind() == (1, 2)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((404, {}), "fetch_failed"),
        ((302, {"location": "https://169.254.169.254/latest"}), "url_invalid"),
        ((200, {"content-length": str(MAX_BYTES + 1)}), "fetch_too_large"),
        (picture(b"<html>a page, not a picture"), "image_type_unsupported"),
        (picture(photo()[:-30]), "image_truncated"),
        (picture(b""), "image_empty"),
    ],
    ids=["not found", "inside", "too large", "a page", "cut off", "nothing"],
)
def test_a_picture_that_cannot_be_had_leaves_nothing_behind(
    tenant: Tenant, host: Receiver, answer: Answer, code: str
) -> None:
    host.answers = [picture(photo()), answer]
    problem = refused(tenant.submit(**urls(host)), 422, code, "mask")
    assert "token" not in str(problem)
    assert tenant.left_behind() == (0, 0)


def test_slow_hosts_keep_a_place_and_not_the_service(stack: Stack, tenant: Tenant, host: Receiver) -> None:
    go_on = threading.Event()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        go_on.wait(20)
        picture(photo())(handler)  # type: ignore[operator]

    host.answers = [slow, slow, picture(mask()), picture(mask())]
    others = [stack.tenant(f"{tenant.id} {number}") for number in range(2)]
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(one.submit, **urls(host)) for one in (tenant, others[0])]
        host.wait_for(2)
        limited, busy = tenant.submit(**urls(host)), others[1].submit(**urls(host))
        assert others[1].submit().status_code == 202, "what needs no fetching goes on"
        go_on.set()
        assert [one.result().status_code for one in waiting] == [202, 202]
    refused(limited, 429, "too_many_requests")
    refused(busy, 503, "fetch_busy")
    assert limited.headers["retry-after"] == busy.headers["retry-after"] == "2"
    for other in others:
        other.http.close()
