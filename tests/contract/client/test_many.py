"""Many jobs: as they come, within bounds, again without doubling."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import httpx

from producer.client.errors import ServiceRefused, ServiceUnreachable
from tests.contract.api.serving import Tenant, mask, photo
from tests.contract.client.either import Either, Line
from tests.contract.client.pictures import Pictures


def orders(count: int, **fields: Any) -> list[dict[str, Any]]:
    """Jobs that differ in their seed."""
    return [{"image": photo(), "mask": mask(), "prompt": "a red circle", "seed": n, **fields} for n in range(count)]


def test_every_job_comes_back_with_its_index_and_its_request(client: Either) -> None:
    sent = orders(5)
    done = {one.index: one for one in client.submit_many(sent, concurrency=3)}
    assert sorted(done) == [0, 1, 2, 3, 4]
    assert all(done[n].request is sent[n] and done[n].job["params"]["seed"] == n for n in done)
    assert {one.error for one in done.values()} == {None}


def test_the_same_call_again_finds_the_same_jobs(client: Either) -> None:
    twice = [*orders(2), *orders(1)]  # the last is the first again, on purpose
    first = {one.index: one.job["id"] for one in client.submit_many(twice, concurrency=1)}
    again = list(client.submit_many(twice, concurrency=3))
    assert len(set(first.values())) == 3
    assert {one.job["id"] for one in again} == set(first.values())
    assert all(one.replayed for one in again)


def test_keys_come_from_the_run_or_from_the_caller(client: Either) -> None:
    monday = [one.job["id"] for one in client.submit_many(orders(1), run="monday")]
    tuesday = [one.job["id"] for one in client.submit_many(orders(1), run="tuesday")]
    assert monday != tuesday
    named = orders(1, idempotency_key="order 17")
    by_key = [one.job["id"] for one in client.submit_many(named)]
    assert client.submit(photo(), mask(), "a red circle", seed=0, idempotency_key="order 17")["id"] == by_key[0]


def test_what_is_refused_holds_up_nothing(client: Either, pictures: Pictures) -> None:
    lost = pictures.image.with_name("lost.png")
    mixed = [*orders(1, steps=0), {"image": lost, "mask": mask()}, *orders(1)]
    refused, missing, fine = sorted(client.submit_many(mixed), key=lambda one: one.index)
    assert isinstance(refused.error, ServiceRefused)
    assert refused.error.code == "out_of_range"
    assert isinstance(missing.error, FileNotFoundError)
    assert (fine.job["status"], fine.error) == ("queued", None)


def test_no_more_is_taken_than_is_under_way(client: Either) -> None:
    taken: list[int] = []

    def endless() -> Iterator[dict[str, Any]]:
        for order in iter(lambda: orders(1)[0], None):
            taken.append(len(taken))
            yield order | {"seed": len(taken)}

    coming = client.submit_many(endless(), concurrency=2)
    for _ in range(3):
        next(coming)
    coming.close()
    assert len(taken) <= 3 + 2


def test_a_full_service_holds_everybody_back_as_long_as_it_says(client: Either, pauses: list[float]) -> None:
    line = Line(client, [429, 503] * 4, **{"Retry-After": "2"})
    done = list(client.submit_many(orders(3), concurrency=1))
    assert [one.error for one in done] == [None] * 3, "more refusals than a single submit takes"
    assert len(line.seen) == 3 + 8
    assert min(pauses) > 1


def test_patience_ends(client: Either, pauses: list[float]) -> None:
    Line(client, [429] * 99, **{"Retry-After": "2"})
    (done,) = client.submit_many(orders(1), patience=0)
    assert isinstance(done.error, ServiceRefused)


def test_who_is_told_to_wait_long_is_told_so(client: Either, pauses: list[float]) -> None:
    Line(client, [429], **{"Retry-After": "3600"})
    cooling, fine = client.submit_many(orders(2), concurrency=1)
    assert (cooling.error.status, fine.error) == (429, None)


def test_a_lost_answer_makes_no_second_job(client: Either, tenant: Tenant, pauses: list[float]) -> None:
    Line(client, ["lost", httpx.ConnectError])
    (done,) = client.submit_many(orders(1))
    assert [job["id"] for job in client.list()["data"]] == [done.job["id"]]


def test_a_service_that_is_gone_is_every_jobs_error(kind: type[Any], pauses: list[float]) -> None:
    with kind("http://127.0.0.1:1", "k") as client:
        done = list(client.submit_many(orders(2)))
    assert [type(one.error) for one in done] == [ServiceUnreachable] * 2


def test_giving_up_leaves_no_thread_that_pauses(client: Either) -> None:
    Line(client, [None, *[429] * 99], **{"Retry-After": "20"})
    coming = client.submit_many(orders(3), concurrency=2)
    next(coming)
    coming.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("inpaintd-submit")]
