"""The Python client against a real service."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from producer.client.errors import ClientMisconfigured, NotAtRest, ServiceRefused, ServiceUnreachable
from tests.contract.api.serving import Tenant, finish, mask, photo
from tests.contract.client.conftest import Pictures
from tests.contract.client.either import Either


def test_a_job_goes_in_as_bytes_paths_or_uploads_and_comes_out_as_bytes(
    client: Either, tenant: Tenant, pictures: Pictures
) -> None:
    uploaded = client.upload(pictures.image)
    jobs = [
        client.submit(photo(), mask(), "a red circle", seed=7),
        client.submit(pictures.image, pictures.mask, "a red circle", seed=7),
        client.submit(uploaded["id"], mask(), "a red circle", seed=7),
    ]
    params = [job["params"] for job in jobs]
    assert params[0] == params[1] == params[2]
    assert (params[0]["seed"], params[0]["steps"]) == (7, 30)
    assert uploaded["size"] == len(photo())

    finish(tenant.stack.services, jobs[0]["id"], b"the picture")
    job = client.wait(jobs[0]["id"])
    assert job["status"] == "succeeded"
    assert client.download(job) == client.download(job["id"]) == b"the picture"


def test_waiting_ends_when_the_job_does(client: Either, tenant: Tenant) -> None:
    job = client.submit(photo(), mask(), "a red circle")
    states = client.watch(job["id"], timeout=30, every=0.01)
    assert next(states)["status"] == "queued"
    finish(tenant.stack.services, job["id"], photo())
    assert [state["status"] for state in states][-1] == "succeeded"


def test_waiting_gives_up_when_its_time_is_over(client: Either) -> None:
    job = client.submit(photo(), mask(), "a red circle")
    with pytest.raises(NotAtRest, match="still queued"):
        client.wait(job["id"], timeout=0.1)


def test_a_job_can_be_canceled_and_listed(client: Either) -> None:
    first = client.submit(photo(), mask(), "a red circle", batch="b1")
    client.submit(photo(), mask(), "a red circle", batch="b2")
    assert client.cancel(first["id"])["status"] == "canceled"
    assert [job["id"] for job in client.list(batch="b1")["data"]] == [first["id"]]
    assert [job["status"] for job in client.list(limit=1)["data"]] == ["queued"]


def test_a_refusal_carries_the_code_and_the_sentence_of_the_service(client: Either) -> None:
    with pytest.raises(ServiceRefused, match="steps") as refusal:
        client.submit(photo(), mask(), "a red circle", steps=0)
    assert (refusal.value.status, refusal.value.code) == (422, "out_of_range")
    assert [problem["field"] for problem in refusal.value.errors] == ["steps"]


@pytest.mark.parametrize("job_id", ["job_00000000000000000000000000", "../files", "a b?c#d"])
def test_an_unknown_job_is_refused_whatever_its_id_looks_like(client: Either, job_id: str) -> None:
    with pytest.raises(ServiceRefused) as refusal:
        client.get(job_id)
    assert refusal.value.status == 404


def test_nobody_listening_is_unreachable(kind: type[Any], pauses: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with kind(f"http://127.0.0.1:{port}", "k") as client, pytest.raises(ServiceUnreachable, match="INPAINTD_URL"):
        client.get("job_x")


def test_some_other_web_server_is_told_apart(kind: type[Any]) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *_: Any) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Other) as other:
        thread = threading.Thread(target=other.handle_request)
        thread.start()
        with (
            kind(f"http://127.0.0.1:{other.server_port}", "k") as client,
            pytest.raises(ServiceRefused, match="is it an inpaintd") as refusal,
        ):
            client.get("job_x")
        thread.join()
    assert refusal.value.code == "http_404"


def test_no_proxy_stands_between_the_client_and_this_machine(
    kind: type[Any], tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with kind(tenant.stack.url, tenant.key) as client:
        assert client.list()["data"] == []


def test_address_and_key_come_from_the_environment(
    kind: type[Any], tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INPAINTD_URL", f"{tenant.stack.url}/")
    monkeypatch.setenv("INPAINTD_KEY", f"{tenant.key}\n")
    with kind() as client:
        assert client.list()["data"] == []


@pytest.mark.parametrize(("url", "key"), [("localhost:8000", "k"), ("http://127.0.0.1", None), ("http://x", "a\nb")])
def test_a_client_without_address_or_key_says_so(
    kind: type[Any], url: str, key: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INPAINTD_KEY", raising=False)
    with pytest.raises(ClientMisconfigured, match=r"INPAINTD_(URL|KEY)"):
        kind(url, key)


def test_a_batch_is_canceled_by_its_label(client: Either) -> None:
    client.submit(photo(), mask(), "x", batch="a/b c")
    assert client.cancel_batch("a/b c") == {"object": "batch", "id": "a/b c", "canceled": 1, "stopping": 0}


def test_the_models_on_offer_are_told(client: Either) -> None:
    assert [model["alias"] for model in client.models()["data"]] == ["default", "xl"]


def test_a_job_is_rehearsed_and_nothing_is_left(client: Either, tenant: Tenant) -> None:
    rehearsed = client.dry_run(photo(), mask(), "a red circle", steps=12)
    assert (rehearsed["id"], rehearsed["status"], rehearsed["params"]["steps"]) == (None, "queued", 12)
    assert rehearsed["plan"]["unet_rows"] == 24
    assert tenant.left_behind() == (0, 0)


def test_a_job_is_erased_and_counted(client: Either, tenant: Tenant) -> None:
    job = client.submit(photo(), mask(), "a red circle", metadata={"order": 17})
    erased = client.delete(job["id"])
    assert (erased["status"], erased["metadata"], erased["erased_at"] is None) == ("canceled", {}, False)
    assert client.usage()["object"] == "usage"
    with pytest.raises(ServiceRefused, match="from"):
        client.usage("2026-01-02", "2026-01-01")


def test_a_refusal_is_appealed_against(client: Either) -> None:
    blocked = client.submit(photo(), mask(), "remove her clothes")
    assert client.appeal(blocked["id"], "It was a sculpture.")["kind"] == "appeal"


def test_webhooks_are_made_changed_turned_tried_and_deleted(client: Either) -> None:
    made = client.create_webhook("https://example.org/hook", ["job.failed"])
    assert client.update_webhook(made["id"], disabled=True)["disabled"]
    assert not client.update_webhook(made["id"], disabled=False)["disabled"]
    old, new = made["secret"], client.rotate_webhook(made["id"], 60)["data"]
    assert [secret["secret"] for secret in client.webhook_secrets(made["id"])["data"]] == [new[0]["secret"], old]
    sent = client.test_webhook(made["id"])
    assert client.webhook_deliveries(made["id"], status="pending")["data"][0]["id"] == sent["id"]
    assert client.webhook_delivery(made["id"], sent["id"])["log"] == []
    assert client.replay_webhook(made["id"], sent["id"]) == {"replayed": 1}
    assert client.replay_webhook(made["id"], since="2020-01-01T00:00:00Z", failed_only=False) == {"replayed": 0}
    assert client.get_webhook(made["id"]) in client.list_webhooks()["data"]
    client.delete_webhook(made["id"])
    assert client.list_webhooks()["data"] == []
