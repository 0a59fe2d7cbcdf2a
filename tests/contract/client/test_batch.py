"""Batches: sent as a stream, answered line by line, followed and fetched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from producer.client.errors import ServiceRefused, ServiceUnreachable
from tests.contract.api.serving import Tenant, finish, mask, photo
from tests.contract.client.either import Either, Line
from tests.contract.client.pictures import Pictures


def order(seed: int, **fields: Any) -> dict[str, Any]:
    """A job for a batch."""
    return {"image": photo(), "mask": mask(), "prompt": "a red circle", "seed": seed, **fields}


def test_each_line_is_answered_and_the_batch_last(client: Either, pictures: Pictures) -> None:
    jobs = [
        order(0, custom_id="first", image=pictures.image, mask=pictures.mask),
        order(1, steps=0),
        order(2, custom_id="third"),
    ]
    first, refused, third, last = client.send_batch(iter(jobs), metadata={"order": 17})
    assert (first["line"], first["custom_id"], first["status"]) == (1, "first", 202)
    assert (refused["line"], refused["error"]["code"]) == (2, "out_of_range")
    assert last["batch"]["lines"] == {"read": 3, "accepted": 2, "replayed": 0, "refused": 1}
    assert last["error"] is None
    assert last["batch"]["metadata"] == {"order": 17}
    assert client.get(third["job"]["id"])["batch"] == last["batch"]["id"]
    assert client.batch(last["batch"]["id"])["jobs"]["queued"] == 2
    assert client.list_batches(limit=1)["data"][0]["id"] == last["batch"]["id"]


def test_sent_again_under_its_key_it_finds_its_jobs(client: Either) -> None:
    jobs = [order(n) for n in range(3)]
    *first, _ = client.send_batch(jobs, idempotency_key="spring")
    *again, last = client.send_batch(jobs, idempotency_key="spring")
    assert [line["job"]["id"] for line in again] == [line["job"]["id"] for line in first]
    assert last["batch"]["lines"]["replayed"] == 3


def test_results_come_in_order_and_the_rest_can_be_canceled(client: Either, tenant: Tenant) -> None:
    *lines, last = client.send_batch([order(n, custom_id=f"c{n}") for n in range(2)])
    finish(tenant.stack.services, lines[0]["job"]["id"], b"the picture")
    done, going = client.batch_results(last["batch"]["id"], links=True)
    assert (done["line"], done["custom_id"], done["job"]["status"]) == (1, "c0", "succeeded")
    assert client.download(done["job"]) == b"the picture"
    assert going["job"]["status"] == "running", "claimed on the way"
    assert client.cancel_batch(last["batch"]["id"])["stopping"] == 1
    with pytest.raises(ServiceRefused) as refusal:
        list(client.batch_results("batch_00000000000000000000000000"))
    assert refusal.value.code == "batch_not_found"


def test_a_stream_that_breaks_names_the_key_to_go_on_with(client: Either) -> None:
    jobs = [order(n) for n in range(3)]
    line = Line(client)
    line.breaks = [2]
    with pytest.raises(ServiceUnreachable) as problem:
        list(client.send_batch(iter(jobs)))
    (key,) = line.keys
    assert key is not None
    assert key in str(problem.value)
    assert all(answer["replayed"] for answer in client.send_batch(jobs, idempotency_key=key) if "job" in answer)


def test_jobs_are_read_as_they_are_sent_and_only_once(client: Either, pauses: list[float]) -> None:
    taken = 0

    def jobs() -> Iterator[dict[str, Any]]:
        nonlocal taken
        for n in range(3):
            taken += 1
            yield order(n)

    Line(client, [httpx.ConnectError], **{"Retry-After": "1"})
    with pytest.raises(ServiceUnreachable):
        list(client.send_batch(jobs()))
    Line(client, [429], **{"Retry-After": "1"})
    with pytest.raises(ServiceRefused):
        list(client.send_batch(jobs()))
    assert (taken, pauses) == (0, [])
    assert list(client.send_batch(list(jobs())))[-1]["batch"]["lines"]["accepted"] == 3
