"""Live news is sent newest only and not too often, and a Redis that is down or deaf holds nobody up."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from redis import Redis
from redis.client import PubSub

from storage import publisher as publisher_module
from storage.live import Live, channel_of, from_message
from storage.publisher import Publisher


@contextmanager
def hearing(redis_url: str, *jobs: str) -> Iterator[PubSub]:
    """A subscriber to the news of these jobs."""
    with Redis.from_url(redis_url) as redis, redis.pubsub(ignore_subscribe_messages=False) as pubsub:
        pubsub.subscribe(*map(channel_of, jobs))
        for _ in jobs:
            assert pubsub.get_message(timeout=5)
        yield pubsub


def heard(pubsub: PubSub) -> Live | None:
    """The next news, which must come."""
    message = pubsub.get_message(ignore_subscribe_messages=True, timeout=5)
    assert message is not None
    return from_message(message["data"])


@pytest.fixture
def publisher(redis_url: str) -> Iterator[Publisher]:
    made = Publisher(redis_url)
    yield made
    made.close()


def test_news_reaches_who_watches_that_job_only(redis_url: str, publisher: Publisher) -> None:
    with hearing(redis_url, "job_a") as pubsub:
        publisher.progress("job_b", Live(1, 1, 20))
        publisher.progress("job_a", Live(1, 2, 20))
        assert heard(pubsub) == Live(1, 2, 20)
        publisher.moved("job_a")
        assert heard(pubsub) is None


def test_steps_that_come_faster_than_messages_are_left_out_but_for_the_newest(
    redis_url: str, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, go_on = threading.Event(), threading.Event()
    real = publisher._send

    def send(news: dict[str, Live | None]) -> float:
        sent.set()
        assert go_on.wait(10)
        return real(news)

    monkeypatch.setattr(publisher, "_send", send)
    with hearing(redis_url, "job_a", "job_b") as pubsub:
        publisher.progress("job_a", Live(1, 0, 500))
        assert sent.wait(10)
        for step in range(1, 501):
            publisher.progress("job_a", Live(1, step, 500, "early" if step == 1 else None))
        go_on.set()
        assert [heard(pubsub), heard(pubsub)] == [Live(1, 0, 500), Live(1, 500, 500, "early")]
        assert pubsub.get_message(timeout=0.3) is None


def test_the_last_word_is_said_before_it_closes(redis_url: str) -> None:
    publisher = Publisher(redis_url)
    with hearing(redis_url, "job_a") as pubsub:
        publisher.moved("job_a")
        publisher.close()
        assert heard(pubsub) is None


@pytest.fixture
def deaf() -> Iterator[str]:
    """An address that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def test_a_deaf_redis_holds_nobody_up_and_fills_nothing(deaf: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher_module, "REDIS_SECONDS", 60.0)
    publisher = Publisher(deaf)
    try:
        for step in range(20_000):
            publisher.progress(f"job_{step % 8}", Live(1, step, 20_000))
        assert len(publisher._news) <= 8
    finally:
        publisher.close()


def test_news_passes_again_once_redis_is_back(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher_module, "FIRST_TROUBLE_SECONDS", 0.01)
    publisher = Publisher(redis_url)
    failed = threading.Event()
    real = publisher._redis.pipeline

    def fail(**_: object) -> object:
        failed.set()
        raise ConnectionError("away")

    monkeypatch.setattr(publisher._redis, "pipeline", fail)
    publisher.progress("job_a", Live(1, 1, 20))
    assert failed.wait(10)
    monkeypatch.setattr(publisher._redis, "pipeline", real)
    with hearing(redis_url, "job_a") as pubsub:
        publisher.progress("job_a", Live(1, 2, 20))
        assert heard(pubsub) == Live(1, 2, 20)
    publisher.close()
