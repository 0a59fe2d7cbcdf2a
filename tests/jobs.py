"""Jobs for tests of the queue, where pictures do not matter."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from storage.database import Database, db_now
from storage.ids import new_id
from storage.job import Job, JobResult, NewJob, ResultImage
from storage.job_store import JobStore
from storage.key_store import KeyStore
from storage.lease_store import LEASE_SECONDS, LeaseStore
from storage.params import InpaintParams
from storage.submissions import Submissions
from storage.tables import jobs

VERDICT: dict[str, Any] = {"action": "allow", "policy": "test@1", "findings": [], "signals": []}
MODEL: dict[str, Any] = {"alias": "default", "name": "test", "sha256": None}


def new_job(tenant_id: str, **changes: Any) -> NewJob:
    """A request that was accepted."""
    params = InpaintParams(prompt="a red circle").resolved(native_size=128, seed=7)
    values: dict[str, Any] = {
        "id": new_id("job"),
        "tenant_id": tenant_id,
        "params": params,
        "image_key": "inputs/t/image",
        "mask_key": "inputs/t/mask",
        "model": MODEL,
        "cost": float(params.unet_rows),
        "safety": VERDICT,
    }
    return NewJob(**{**values, **changes})


def result(job: Job) -> JobResult:
    """What a worker might have made of `job`."""
    image = ResultImage(0, f"results/{job.id}/{job.attempt}-0-x", "0" * 64, 8, 8, "image/png", 7, "abc")
    return JobResult((image,), {"actual_steps": 30}, VERDICT, {**MODEL, "sha256": "f" * 64})


class Desk:
    """A tenant with the stores that its jobs go through."""

    def __init__(self, database: Database, tenant: str = "acme") -> None:
        self.jobs = JobStore(database)
        self.leases = LeaseStore(database)
        self.submissions = Submissions(database)
        self._database = database
        self.tenant_id = KeyStore(database).create_tenant(tenant)

    def submit(self, **changes: Any) -> Job:
        """Stores one job."""
        return self.submissions.submit(new_job(self.tenant_id, **changes)).job

    def claim(self, owner: str = "w1", *, lease_seconds: float = LEASE_SECONDS, **options: Any) -> list[Job]:
        """Claims jobs of the default model."""
        return LeaseStore(self._database, lease_seconds).claim(owner, models=["default"], **options)

    def claim_one(self, owner: str = "w1", **options: Any) -> Job:
        """Claims the next job, which must be there."""
        (job,) = self.claim(owner, **options)
        return job


def change(database: Database, job_id: str, **values: Any) -> None:
    """Sets columns of a job's row behind the product's back, as time would."""
    with database.transaction() as connection:
        connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(**values))


def make_due(database: Database, job: Job) -> None:
    """Ends the back-off of a job."""
    change(database, job.id, not_before=db_now(-1))
