"""A service on PostgreSQL with a tenant that has one of everything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safety.settings import SafetySettings
from tests.contract.api.serving import Tenant, finish, mask, photo, running
from tests.fuzz.hunt import Hunt
from tests.servers import fresh_database
from tests.service import MARK_SECRET


@contextmanager
def ground(folder: Path, postgres: str, number: int = 1) -> Iterator[Hunt]:
    """A hunt on a fresh database; `number` makes it another one."""
    safety = SafetySettings(mark_secret=MARK_SECRET, credentials_dir=folder / "credentials")
    with fresh_database(postgres, f"fuzz_{number}") as url, running(folder, database_url=url, safety=safety) as stack:
        tenant = stack.tenant("hunted", "submit", "read", "admin")
        with tenant.http:
            yield Hunt(tenant, _known(tenant), number)


def _known(tenant: Tenant) -> dict[str, list[str]]:
    """Ids of ended jobs (the event stream of another would not end), a file, a webhook and a label."""
    jobs = [tenant.accepted(batch="label")["id"] for _ in range(3)]
    for job_id in jobs[1:]:
        tenant.stack.services.jobs.cancel(job_id, tenant.id)
    finish(tenant.stack.services, jobs[0], photo())
    files = [tenant.http.post("/v1/files", files={"file": data}).json()["id"] for data in (photo(), mask())]
    hook = tenant.http.post("/v1/webhooks", json={"url": "https://example.org/hook"}).json()["id"]
    return {
        "job_id": jobs,
        "job": jobs,
        "file_id": files,
        "image": files[:1],
        "mask": files[1:],
        "webhook_id": [hook],
        "batch": ["label"],
        "n": ["0", "1"],
        "model": ["default"],
        "webhook_url": ["https://example.org/hook"],
    }
