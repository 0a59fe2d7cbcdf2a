"""Rings again for work whose ring was lost, say because Redis was down or emptied."""

from __future__ import annotations

from redis import Redis

from producer.keeper.keeper import Duty
from storage.broker import Doorbell, queue_of
from storage.job_reader import JobReader

SECONDS = 1.0


def ringing(reader: JobReader, doorbell: Doorbell, redis: Redis) -> Duty:
    """The duty of ringing for models that have queued jobs and no ring waiting in `redis`."""

    def ring() -> None:
        for model, job_id in reader.due().items():
            # One waiting ring is enough; without this look, rings would pile up while no worker runs.
            if redis.llen(queue_of(model)) == 0:
                doorbell.ring(model, job_id)

    return Duty("ring", SECONDS, ring)
