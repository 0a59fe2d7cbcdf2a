"""The doorbell on a real Redis."""

from __future__ import annotations

import pytest
from redis import Redis

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
