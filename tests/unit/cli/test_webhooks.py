"""`inpaintd webhooks` against a real service, and `listen` against deliveries that are really sent."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from producer.keeper.deliver import Courier
from producer.outbound.addresses import AddressGuard
from producer.webhooks.sender import Sender
from storage.batch_store import BatchStore
from storage.delivery_store import DeliveryStore
from tests.contract.api.serving import Stack, Tenant, running
from tests.unit.cli.conftest import Run

URL = "https://example.org/hooks"


def made(run: Run) -> str:
    """The id of a new endpoint."""
    return str(json.loads(run("webhooks", "create", URL, "--json").stdout)["id"])


def test_endpoints_are_made_listed_turned_and_deleted(run: Run) -> None:
    webhook, secret = run("webhooks", "create", URL, "--event", "job.failed").stdout.split()
    assert secret.startswith("whsec_")
    _head, row = run("webhooks", "list").stdout.splitlines()
    assert row.split() == [webhook, URL, "enabled", "job.failed"]
    new, old = run("webhooks", "rotate", webhook, "--keep-seconds", 60).stdout.splitlines()
    assert old.split()[0] == secret
    assert new != secret
    assert run("webhooks", "delete", webhook).stdout == f"{webhook} deleted\n"
    assert json.loads(run("webhooks", "list", "--json").stdout) == []


def test_deliveries_are_listed_and_sent_again(run: Run) -> None:
    webhook = made(run)
    delivery, status = run("webhooks", "test", webhook).stdout.split()
    assert status == "pending"
    _head, row = run("webhooks", "deliveries", webhook).stdout.splitlines()
    assert row.split()[:4] == [delivery, "webhook.test", "-", "pending"]
    assert json.loads(run("webhooks", "deliveries", webhook, "--status", "failed", "--json").stdout) == []
    assert run("webhooks", "replay", webhook, "--delivery", delivery).stdout == "1 sent again\n"
    assert run("webhooks", "replay", webhook, "--since", "2020-01-01T00:00:00Z", "--all").stdout == "0 sent again\n", (
        "it waits already"
    )
    assert run("webhooks", "replay", webhook).exit_code == 2


def test_listen_takes_only_what_can_be_a_secret(run: Run) -> None:
    done = run("webhooks", "listen", "--secret", "mellon", "--count", 1)
    assert done.exit_code == 2
    assert "whsec_" in done.stderr


def test_listen_says_what_to_do_where_this_machine_is_not_allowed(run: Run) -> None:
    done = run("webhooks", "listen", "--count", 1)
    assert done.exit_code == 2
    assert "INPAINTD_ALLOWED_ADDRESSES" in done.stderr
    assert "--url" in done.stderr


@pytest.fixture
def open_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A service that sends to this machine too."""
    with running(tmp_path_factory.mktemp("open"), allowed_addresses=("127.0.0.1",)) as stack:
        yield stack


def deliver(tenant: Tenant) -> None:
    """As soon as somebody listens: a forgery, then a test and the end of a job, sent as the keeper does it."""
    services = tenant.stack.services
    while not (found := tenant.http.get("/v1/webhooks").json()["data"]):
        time.sleep(0.01)
    forged = httpx.post(found[0]["url"], json={"type": "job.succeeded"}, headers={"webhook-id": "x"})
    assert forged.status_code == 400
    tenant.http.post(f"/v1/webhooks/{found[0]['id']}/test")
    tenant.http.post(f"/v1/jobs/{tenant.accepted()['id']}/cancel")
    deliveries, batches = DeliveryStore(services.database), BatchStore(services.database)
    courier = Courier(deliveries, services.reader, batches, Sender(AddressGuard(["127.0.0.1"])))
    courier.turn()
    courier.close()


def test_listen_shows_what_is_proven_and_leaves_no_endpoint_behind(open_stack: Stack, run: Run) -> None:
    tenant = open_stack.tenant("listener")
    sender = threading.Thread(target=deliver, args=(tenant,))
    sender.start()
    environment = {"INPAINTD_URL": open_stack.url, "INPAINTD_KEY": tenant.key}
    done = run("webhooks", "listen", "--count", 2, "--json", **environment)
    sender.join()
    assert done.exit_code == 0, done.output
    assert sorted(json.loads(line)["type"] for line in done.stdout.splitlines()) == ["job.canceled", "webhook.test"]
    assert "Refused: " in done.stderr
    assert tenant.http.get("/v1/webhooks").json()["data"] == []
    tenant.http.close()
