"""Promise 4 at the door: of a job that has not succeeded no route gives a byte, a link or the place of an image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from storage.job import TERMINAL, Job, JobError, JobState
from storage.review_store import ReviewStore
from tests.contract.api.serving import Stack, Tenant, claim, finish, photo, result_of
from tests.contract.api.test_bad_input import refused

PICTURE = photo((80, 72))
"""What must not be seen."""


def _held_request(stack: Stack, job: Job) -> None:
    stack.services.jobs.hold_request(job, safety=job.safety)


def _held_result(stack: Stack, job: Job) -> None:
    assert stack.services.jobs.hold_result(job, result_of(stack.services, job, PICTURE))


def _rejected(stack: Stack, job: Job) -> None:
    _held_result(stack, job)
    review = ReviewStore(stack.services.database)
    assert review.reject(review.get(job.id), safety=job.safety, reason="policy")


def _canceled_while_held(stack: Stack, job: Job) -> None:
    _held_result(stack, job)
    stack.services.jobs.cancel(job.id, job.tenant_id)


def _blocked(stack: Stack, job: Job) -> None:
    made = result_of(stack.services, job, PICTURE)
    assert stack.services.jobs.block(job, made), "even if somebody left images in it"


def _failed(stack: Stack, job: Job) -> None:
    result_of(stack.services, job, PICTURE)
    assert stack.services.jobs.fail(job, JobError("mark_failed", "The mark did not survive."))


def _retried(stack: Stack, job: Job) -> None:
    result_of(stack.services, job, PICTURE)
    assert stack.services.jobs.retry(job, JobError("internal", "Once more."), delay_seconds=0.0)


def _running(stack: Stack, job: Job) -> None:
    result_of(stack.services, job, PICTURE)


def _expired(stack: Stack, job: Job) -> None:
    assert stack.services.jobs.finish_expired(job, receipt={})


STATES: dict[str, tuple[Callable[[Stack, Job], None], JobState]] = {
    "a request that is held": (_held_request, JobState.HELD),
    "a result that is held": (_held_result, JobState.HELD),
    "a result that was rejected": (_rejected, JobState.BLOCKED),
    "a held result that was canceled": (_canceled_while_held, JobState.CANCELED),
    "a result that is blocked": (_blocked, JobState.BLOCKED),
    "a job that failed after it stored": (_failed, JobState.FAILED),
    "a job that is tried again": (_retried, JobState.QUEUED),
    "a job that is running": (_running, JobState.RUNNING),
    "a job that expired": (_expired, JobState.EXPIRED),
}


def stands(tenant: Tenant, make: Callable[[Stack, Job], None]) -> dict[str, Any]:
    """A job of the tenant that was brought so far."""
    accepted = tenant.accepted()
    make(tenant.stack, claim(tenant.stack.services, accepted["id"]))
    return accepted


@pytest.mark.parametrize("what", STATES)
def test_what_has_not_succeeded_cannot_be_fetched_by_any_route(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    # A bucket makes a link for anything, so that only what is asked of it protects what lies there.
    monkeypatch.setattr(type(tenant.stack.services.objects), "presign", lambda *_: "https://bucket.example/x")
    make, state = STATES[what]
    link = stands(tenant, make)["links"]["self"]
    for address in (f"{link}/images/0", f"{link}/images/0?redirect=true", f"{link}/images/1", f"{link}/images/-1"):
        refused(tenant.http.get(address, follow_redirects=False), 404, "image_not_found")
    answers = [tenant.http.get(link), tenant.http.get("/v1/jobs"), tenant.http.get(f"{link}?wait=0")]
    assert answers[0].json()["status"] == state
    for answer in answers:
        assert answer.status_code == 200
        assert not any(word in answer.text for word in ("results/", "quarantine/", "wm1"))
    assert answers[0].json()["images"] == []


@pytest.mark.parametrize("what", [what for what, (_, state) in STATES.items() if state in TERMINAL])
def test_its_history_shows_no_picture_either(tenant: Tenant, what: str) -> None:
    link = stands(tenant, STATES[what][0])["links"]["self"]
    told = tenant.http.get(f"{link}/events").text
    assert "job.started" in told
    assert not any(word in told for word in ("data:image", "results/", "quarantine/", "preview"))


def test_a_strangers_key_opens_nothing_that_has_succeeded(tenant: Tenant, stranger: Tenant) -> None:
    job = tenant.accepted()
    finish(tenant.stack.services, job["id"], PICTURE)
    address = f"{job['links']['self']}/images/0"
    assert tenant.http.get(address).content == PICTURE
    for query in ("", "?redirect=true"):
        refused(stranger.http.get(address + query, follow_redirects=False), 404, "job_not_found")


def test_a_persons_word_opens_a_held_result_and_that_alone(tenant: Tenant) -> None:
    review = ReviewStore(tenant.stack.services.database)
    first, other = stands(tenant, _held_result), stands(tenant, _held_result)
    held = review.get(first["id"])
    assert review.approve(held, safety=held.safety)
    assert tenant.http.get(f"{first['links']['self']}/images/0").content == PICTURE
    refused(tenant.http.get(f"{other['links']['self']}/images/0"), 404, "image_not_found")


def test_an_approved_request_still_has_no_image(tenant: Tenant) -> None:
    review = ReviewStore(tenant.stack.services.database)
    link = stands(tenant, _held_request)["links"]["self"]
    held = review.get(link.rpartition("/")[2])
    assert review.approve(held, safety=held.safety)
    assert tenant.http.get(link).json()["status"] == "queued"
    refused(tenant.http.get(f"{link}/images/0"), 404, "image_not_found")
