"""The doorbell on a real Redis."""

from __future__ import annotations

import socket

import pytest
from prometheus_client import REGISTRY
from redis import Redis
from structlog.testing import capture_logs

from storage import broker
from storage.broker import Doorbell, queue_of


def test_rings_do_not_pile_up_while_nobody_answers(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "ENOUGH_RINGS", 5)
    with Redis.from_url(redis_url) as redis:
        redis.flushall()
        doorbell = Doorbell(redis_url)
        for number in range(50):
            doorbell.ring("default", f"job_{number}")
        doorbell.close()
        assert redis.llen(queue_of("default")) == 5


def lost(reason: str) -> float:
    return REGISTRY.get_sample_value("inpaintd_rings_lost_total", {"reason": reason}) or 0.0


def test_rings_that_a_deaf_redis_does_not_take_are_counted_and_make_one_line() -> None:
    before = lost("full")
    with socket.create_server(("127.0.0.1", 0)) as deaf, capture_logs() as logs:
        doorbell = Doorbell(f"redis://127.0.0.1:{deaf.getsockname()[1]}/0")
        for number in range(3000):
            doorbell.ring("default", f"job_{number}")
        doorbell.close(seconds=0)
    dropped = [line for line in logs if line["event"] == "ring_dropped"]
    assert lost("full") - before >= 1990
    assert 1 <= len(dropped) <= 3
    assert dropped[0]["job_id"].startswith("job_")
