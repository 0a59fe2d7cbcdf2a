"""A real worker tells whoever watches how far its jobs are, and a Redis that dies holds none of them up."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis

from storage.job import JobState
from storage.live import Live, channel_of, from_message
from tests import servers
from tests.integration.worker.workshop import Workshop


@contextmanager
def hearing(redis_url: str, job_id: str) -> Iterator[Iterator[Live | None]]:
    """The news of a job, as it comes."""
    with Redis.from_url(redis_url) as redis, redis.pubsub() as pubsub:
        pubsub.subscribe(channel_of(job_id))
        assert pubsub.get_message(timeout=5)

        def news() -> Iterator[Live | None]:
            while (message := pubsub.get_message(timeout=20)) is not None:
                yield from_message(message["data"])

        yield news()


def test_steps_are_told_as_they_are_done_and_the_end_is_hinted_at(workshop: Workshop) -> None:
    job = workshop.submit(steps=30)
    with hearing(workshop.settings.redis_url, job.id) as news, workshop.worker("--step-seconds", "0.05"):
        told: list[Live] = []
        for live in news:
            if live is None:
                break
            told.append(live)
        else:
            raise AssertionError("nothing hinted at the end")
        assert workshop.row(job).state is JobState.SUCCEEDED, "the hint comes after the commit"
    steps = [live.step for live in told]
    assert steps == sorted(set(steps))
    assert steps[-1] > 15, "to the end, but for what gave way to the hint that it had come"
    assert len(steps) >= 3
    assert {(live.attempt, live.steps, live.preview) for live in told} == {(1, 30, None)}


def test_a_redis_that_dies_in_the_middle_costs_a_job_nothing(workshop: Workshop, tmp_path: Path) -> None:
    port = servers.free_port()
    command, is_up = servers.redis_server(tmp_path, port)
    job = workshop.submit(steps=40)
    with servers.running(command, is_up, tmp_path / "redis.log") as redis:
        env = {"INPAINTD_REDIS_URL": f"redis://127.0.0.1:{port}/0"}
        with workshop.worker("--step-seconds", "0.05", env=env):
            workshop.await_steps(job)
            _end(redis)
            assert workshop.await_state(job, JobState.SUCCEEDED).attempt == 1


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
