"""Rings again for work whose ring was lost, say because Redis was down or emptied."""

from __future__ import annotations

from redis import Redis

from producer.keeper.keeper import Duty
from storage.broker import Doorbell, queue_of
from storage.job_reader import JobReader

SECONDS = 1.0


def ringing(reader: JobReader, doorbell: Doorbell, redis: Redis) -> Duty:
    """The duty of ringing for models that have due jobs and no ring waiting in `redis`."""

    def ring() -> int:
        # One waiting ring is enough; without this look, rings would pile up while no worker runs.
        unheard = {model: job_id for model, job_id in reader.due().items() if redis.llen(queue_of(model)) == 0}
        for model, job_id in unheard.items():
            doorbell.ring(model, job_id)
        return len(unheard)

    return Duty("ring", SECONDS, ring)
