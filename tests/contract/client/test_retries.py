"""What the client sends again by itself, and that it stays one job."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from producer.client.errors import ServiceRefused, ServiceUnreachable
from producer.client.retries import TRIES
from tests.contract.api.serving import mask, photo
from tests.contract.client.either import Either, Line


@pytest.mark.parametrize("trouble", [httpx.ConnectError, httpx.ReadTimeout, 429, 502, 503, "lost"])
def test_a_submit_is_repeated_under_one_key_and_is_one_job(client: Either, pauses: list[float], trouble: Any) -> None:
    line = Line(client, [trouble, trouble])
    job = client.submit(photo(), mask(), "a red circle")
    assert len(line.keys) == 3
    assert len(set(line.keys)) == 1
    assert line.keys[0]
    assert [found["id"] for found in client.list()["data"]] == [job["id"]]


def test_two_submits_are_two_jobs_unless_the_caller_names_them_alike(client: Either) -> None:
    same = [client.submit(photo(), mask(), "x", idempotency_key="order 17")["id"] for _ in range(2)]
    others = [client.submit(photo(), mask(), "x")["id"] for _ in range(2)]
    assert len({*same, *others}) == 3


def test_it_gives_up_after_a_few_tries(client: Either, pauses: list[float]) -> None:
    line = Line(client, [httpx.ConnectError] * 99)
    with pytest.raises(ServiceUnreachable):
        client.submit(photo(), mask(), "x")
    assert len(line.keys) == TRIES
    assert pauses == sorted(pauses), "each pause is longer than the one before"


def test_it_waits_as_long_as_it_is_told_but_not_for_ever(client: Either, pauses: list[float]) -> None:
    Line(client, [429], **{"Retry-After": "7"})
    assert client.list()["data"] == [], "a refusal for its rate was not carried out: anything may be sent again"
    assert 7 <= pauses[0] < 10

    pauses.clear()
    Line(client, [429], **{"Retry-After": "3600"})
    with pytest.raises(ServiceRefused):
        client.list()
    assert pauses == []


@pytest.mark.parametrize(("trouble", "error"), [(httpx.ReadError, ServiceUnreachable), (503, ServiceRefused)])
def test_what_may_have_been_done_is_not_repeated_without_a_key(
    client: Either, pauses: list[float], trouble: Any, error: type[Exception]
) -> None:
    line = Line(client, [trouble])
    with pytest.raises(error):
        client.upload(photo())
    assert (len(line.keys), pauses) == (1, [])


@pytest.mark.parametrize("status", [400, 401, 422, 500])
def test_an_answer_that_would_come_again_is_taken(client: Either, pauses: list[float], status: int) -> None:
    line = Line(client, [status])
    with pytest.raises(ServiceRefused):
        client.submit(photo(), mask(), "x")
    assert len(line.keys) == 1
