"""What a caller sees of a job whose pictures were erased by retention."""

from __future__ import annotations

import threading
from collections.abc import Set

import pytest

from producer.keeper.erase import erasing
from storage.retention import CONTENT, Kind
from storage.retention_rules import RetentionRules
from tests.contract.api.serving import Tenant, finish, photo
from tests.contract.api.test_bad_input import refused
from tests.objects import keys

A_MOMENT_IN_DAYS = 1e-9


@pytest.mark.parametrize("kinds", [CONTENT, {Kind.RESULTS}])
def test_an_erased_job_still_answers_but_its_pictures_are_gone(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, kinds: Set[Kind]
) -> None:
    job_id, services = tenant.accepted()["id"], tenant.stack.services
    job = finish(services, job_id, photo())
    days = dict.fromkeys(kinds, A_MOMENT_IN_DAYS)
    erase_jobs, *_ = erasing(services.shredder, RetentionRules(services.database), days, threading.Event())
    assert erase_jobs.do()

    shown = tenant.http.get(f"/v1/jobs/{job_id}").json()
    assert (shown["status"], len(shown["images"])) == ("succeeded", 1)
    refused(tenant.http.get(f"/v1/jobs/{job_id}/images/0"), 410, "image_gone")
    assert bool(keys(services.objects, f"inputs/{tenant.id}/{job_id}/")) == (Kind.INPUTS not in kinds)
    assert keys(services.objects, f"results/{job.id}/") == []
    # A bucket makes a link for anything; it must not be handed out for what is no longer there.
    monkeypatch.setattr(type(services.objects), "presign", lambda *_: "https://bucket.example/results/x")
    refused(tenant.http.get(f"/v1/jobs/{job_id}/images/0?redirect=true", follow_redirects=False), 410, "image_gone")
