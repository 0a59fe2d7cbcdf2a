"""What one watcher of a job finds when it looks up."""

from __future__ import annotations

import asyncio

from producer.live import Ear, Watch
from storage.live import Live


def test_a_watch_keeps_the_newest_and_a_preview_that_came_before() -> None:
    watch = Watch()
    watch.hear(Live(1, 5, 30, "data:,a"))
    watch.hear(Live(1, 6, 30))
    watch.hear(None)
    assert watch.take() == (Live(1, 6, 30, "data:,a"), True)
    assert watch.take() == (None, False)


def test_a_subscription_that_took_hold_is_a_reason_to_look(redis_url: str) -> None:
    """The job may have moved on before, and nobody would say so again."""

    async def listen() -> tuple[Live | None, bool]:
        ear = Ear(redis_url)
        with ear.watching("job_a") as watch:
            await watch.wait(10)
            taken = watch.take()
        await ear.close()
        return taken

    assert asyncio.run(listen()) == (None, True)
