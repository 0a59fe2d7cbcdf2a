"""Jobs with one label, taken together; and how often a job was tried."""

from __future__ import annotations

import pytest

from storage.job import JobError
from storage.lease_store import LeaseStore
from tests.contract.api.serving import Tenant, claim
from tests.contract.api.test_bad_input import refused


def test_canceling_a_batch_ends_what_waits_and_stops_what_runs(tenant: Tenant, stranger: Tenant) -> None:
    label = "spring/summer"
    running = tenant.accepted(batch=label)["id"]
    claim(tenant.stack.services, running)
    waiting, other = tenant.accepted(batch=label)["id"], tenant.accepted(batch="autumn")["id"]
    theirs = stranger.accepted(batch=label)["id"]

    answers = [tenant.http.post(f"/v1/batches/{label}/cancel") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == {"object": "batch", "id": label, "canceled": 1, "stopping": 1}
    assert answers[1].json() == {"object": "batch", "id": label, "canceled": 0, "stopping": 0}
    assert tenant.http.get(f"/v1/jobs/{waiting}").json()["status"] == "canceled"
    assert tenant.http.get(f"/v1/jobs/{other}").json()["status"] == "queued"
    assert stranger.http.get(f"/v1/jobs/{theirs}").json()["status"] == "queued"


@pytest.mark.parametrize(("label", "code"), [("%00", "text_invalid"), ("a" * 41, "wrong_length")])
def test_what_cannot_be_a_label_is_refused(tenant: Tenant, label: str, code: str) -> None:
    refused(tenant.http.post(f"/v1/batches/{label}/cancel"), 422, code)


def test_a_label_that_nobody_used_cancels_nothing(tenant: Tenant) -> None:
    answer = tenant.http.post("/v1/batches/nothing/cancel")
    assert (answer.status_code, answer.json()["canceled"]) == (200, 0)


def test_attempts_tell_lost_workers_from_errors(tenant: Tenant) -> None:
    services, job_id = tenant.stack.services, tenant.accepted()["id"]
    failed = claim(services, job_id)
    services.jobs.retry(failed, JobError("internal", "Something went wrong.", True), delay_seconds=0)
    lost = claim(services, job_id)
    LeaseStore(services.database).give_up("tests")
    LeaseStore(services.database).reap()

    job = tenant.http.get(f"/v1/jobs/{job_id}").json()
    assert job["attempts"] == {"started": lost.attempt, "crashed": 1, "failed": 1}
    assert job["attempt"] == 2
