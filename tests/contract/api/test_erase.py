"""DELETE /v1/jobs/{id}: the content goes, wherever it was written; the record stays."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import sqlalchemy as sa

from producer.keeper.erase import erasing_asked
from storage.audit_store import AuditStore
from storage.audit_verify import verify
from storage.errors import ObjectStoreUnavailable
from storage.tables import metadata
from storage.webhook_store import WebhookStore
from storage.webhook_tables import webhook_deliveries
from tests.cases import open_case
from tests.contract.api.serving import Stack, Tenant, claim, finish, photo, request
from tests.contract.api.test_bad_input import refused
from tests.objects import keys

WORDS = "a zebra made of marzipan"


def told(stack: Stack) -> list[str]:
    """Every table of the database in which the words stand somewhere."""
    found = []
    with stack.services.database.reading() as connection:
        for table in metadata.sorted_tables:
            rows = connection.execute(sa.select(*(sa.cast(column, sa.Text) for column in table.columns)))
            found += [table.name for row in rows if any(value and "zebra" in value for value in row)]
    return found


def submit(tenant: Tenant, **changes: Any) -> str:
    """A job that leaves its words in as many places as a job can."""
    body = request(prompt=WORDS, negative_prompt=f"no {WORDS}", metadata={"about": WORDS}, **changes)
    answer = tenant.http.post("/v1/jobs", json=body, headers={"Idempotency-Key": "once"})
    assert answer.status_code == 202
    job_id: str = answer.json()["id"]
    return job_id


def left(tenant: Tenant, job_id: str) -> list[str]:
    """What the object store still has of the job."""
    return [key for key in keys(tenant.stack.services.objects, "") if job_id in key]


def test_nothing_of_what_was_asked_for_is_left_anywhere(tenant: Tenant) -> None:
    services = tenant.stack.services
    WebhookStore(services.database).create(tenant.id, "https://hooks.example/a", ["job.succeeded"])
    job_id = submit(tenant)
    finish(services, job_id, photo())
    with services.database.transaction() as connection:
        its = sa.update(webhook_deliveries).where(webhook_deliveries.c.job_id == job_id)
        connection.execute(its.values(payload=WORDS))
    open_case(services.database, about=services.reader.get(job_id, tenant.id), words=WORDS)
    assert {"jobs", "idempotency_keys", "audit_records", "webhook_deliveries", "cases"} <= set(told(tenant.stack))
    services_audit = AuditStore(services.database)
    services_audit.seal()

    answer = tenant.http.delete(f"/v1/jobs/{job_id}")
    assert answer.status_code == 200
    assert told(tenant.stack) == []
    assert left(tenant, job_id) == []
    job = answer.json()
    assert job == tenant.http.get(f"/v1/jobs/{job_id}").json()
    assert (job["status"], job["params"]["prompt"], job["metadata"]) == ("succeeded", "", {})
    assert job["erased_at"] is not None
    refused(tenant.http.get(f"/v1/jobs/{job_id}/images/0"), 410, "image_gone")
    services_audit.seal()
    report = verify(services_audit)
    assert report.fault is None
    assert len(services_audit.of(job_id)) == 1, "that it was judged stays on record"


def test_it_can_be_repeated(tenant: Tenant) -> None:
    job_id = submit(tenant)
    first, second = (tenant.http.delete(f"/v1/jobs/{job_id}") for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()


@pytest.mark.parametrize("held", [False, True])
def test_what_waits_is_canceled_and_erased_at_once(tenant: Tenant, held: bool) -> None:
    job_id = submit(tenant)
    if held:
        job = claim(tenant.stack.services, job_id)
        assert tenant.stack.services.jobs.hold_request(job, safety=job.safety)
    job = tenant.http.delete(f"/v1/jobs/{job_id}").json()
    assert (job["status"], job["erased_at"] is None) == ("canceled", False)
    assert left(tenant, job_id) == []
    assert "zebra" not in str(tenant.http.get(f"/v1/jobs/{job_id}").json())


def test_what_runs_is_stopped_and_erased_when_it_has_ended(tenant: Tenant) -> None:
    services, job_id = tenant.stack.services, submit(tenant)
    running = claim(services, job_id)
    answer = tenant.http.delete(f"/v1/jobs/{job_id}")
    assert (answer.status_code, answer.json()["status"], answer.json()["erased_at"]) == (202, "running", None)

    duty = erasing_asked(services.shredder, threading.Event())
    assert duty.do() == 0
    assert services.jobs.finish_cancel(running, receipt={"dropped_text": {"prompt": WORDS, "negative_prompt": ""}})
    assert duty.do() == 1
    assert duty.do() == 0
    assert (told(tenant.stack), left(tenant, job_id)) == ([], [])


def test_what_the_store_could_not_delete_goes_later(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    services, job_id = tenant.stack.services, submit(tenant)

    def away(*_: object) -> None:
        raise ObjectStoreUnavailable("away")

    with monkeypatch.context() as broken:
        broken.setattr(type(services.objects), "delete", away)
        refused(tenant.http.delete(f"/v1/jobs/{job_id}"), 503, "storage_unavailable")
    assert tenant.http.get(f"/v1/jobs/{job_id}").json()["erased_at"] is None
    assert erasing_asked(services.shredder, threading.Event()).do() == 1
    assert (told(tenant.stack), left(tenant, job_id)) == ([], [])


def test_a_copy_of_the_request_does_not_bring_it_back(tenant: Tenant) -> None:
    job_id = submit(tenant)
    tenant.http.delete(f"/v1/jobs/{job_id}")
    assert submit(tenant) == job_id, "the key still stands for it"
    assert (told(tenant.stack), left(tenant, job_id)) == ([], [])


def test_an_uploaded_file_stays_for_other_jobs(tenant: Tenant) -> None:
    file = tenant.http.post("/v1/files", files={"file": ("a.png", photo())}).json()["id"]
    job_id = submit(tenant, image=file)
    tenant.http.delete(f"/v1/jobs/{job_id}")
    assert tenant.accepted(image=file)["status"] == "queued"


def test_somebody_elses_job_stays(tenant: Tenant, stranger: Tenant) -> None:
    job_id = tenant.accepted()["id"]
    refused(stranger.http.delete(f"/v1/jobs/{job_id}"), 404, "job_not_found")
    assert tenant.http.get(f"/v1/jobs/{job_id}").json()["status"] == "queued"
