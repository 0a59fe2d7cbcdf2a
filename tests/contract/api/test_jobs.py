"""Reading, listing, canceling and downloading jobs; and that each tenant sees only its own."""

from __future__ import annotations

import hashlib

import pytest

from storage.job import JobError
from tests.contract.api.serving import Tenant, claim, finish, photo, result_of
from tests.contract.api.test_bad_input import refused


def test_a_running_job_shows_its_progress(tenant: Tenant) -> None:
    link = tenant.accepted(steps=12)["links"]["self"]
    claim(tenant.stack.services, link.rpartition("/")[2])

    job = tenant.http.get(link).json()
    assert (job["status"], job["attempt"], job["progress"]) == ("running", 1, {"step": 0, "steps": 12})
    assert set(job["queue"].values()) == {None}
    assert job["started_at"] >= job["created_at"]


def test_a_succeeded_job_shows_its_image_and_serves_it(tenant: Tenant) -> None:
    job_id, picture = tenant.accepted()["id"], photo()
    finish(tenant.stack.services, job_id, picture)

    answer = tenant.http.get(f"/v1/jobs/{job_id}")
    (image,) = answer.json()["images"]
    served = tenant.http.get(image["url"])
    assert image["url"] == f"/v1/jobs/{job_id}/images/0"
    assert image.keys() == {
        "index", "url", "sha256", "width", "height", "content_type", "seed", "watermark_id",
    }  # fmt: skip
    assert (answer.json()["model"]["sha256"], answer.json()["receipt"]) == ("5" * 64, {"actual_steps": 30})
    assert served.content == picture
    assert served.headers["content-type"] == "image/png"
    assert served.headers["etag"] == f'"{hashlib.sha256(picture).hexdigest()}"' == f'"{image["sha256"]}"'
    assert served.headers["cache-control"].startswith("private")
    assert "results/" not in answer.text


def test_a_folder_has_no_links_so_redirect_serves_the_bytes(tenant: Tenant) -> None:
    job_id = tenant.accepted()["id"]
    finish(tenant.stack.services, job_id, photo())

    assert tenant.http.get(f"/v1/jobs/{job_id}/images/0?redirect=true").content == photo()


@pytest.mark.parametrize("n", ["0", "1", "-1", "x", "00", "%00"])
def test_there_is_no_image_before_success_nor_beyond_the_last(tenant: Tenant, n: str) -> None:
    job_id = tenant.accepted()["id"]
    refused(tenant.http.get(f"/v1/jobs/{job_id}/images/{n}"), 404, "image_not_found")
    finish(tenant.stack.services, job_id, photo())
    if n != "0":
        refused(tenant.http.get(f"/v1/jobs/{job_id}/images/{n}"), 404, "image_not_found")


def test_what_waits_in_quarantine_is_neither_shown_nor_served(tenant: Tenant) -> None:
    job_id, services = tenant.accepted()["id"], tenant.stack.services
    job = claim(services, job_id)
    services.jobs.hold_result(job, result_of(services, job, photo()))

    for status in ("held", "canceled"):
        answer = tenant.http.get(f"/v1/jobs/{job_id}?wait=20").json()
        assert (answer["status"], answer["images"]) == (status, [])
        refused(tenant.http.get(f"/v1/jobs/{job_id}/images/0"), 404, "image_not_found")
        tenant.http.post(f"/v1/jobs/{job_id}/cancel")


def test_an_image_that_was_erased_is_gone(tenant: Tenant) -> None:
    job_id = tenant.accepted()["id"]
    job = finish(tenant.stack.services, job_id, photo())
    tenant.stack.services.objects.delete(f"results/{job.id}/1-{'a' * 8}")

    refused(tenant.http.get(f"/v1/jobs/{job_id}/images/0"), 410, "image_gone")


def test_a_failed_job_says_why(tenant: Tenant) -> None:
    job_id = tenant.accepted()["id"]
    job = claim(tenant.stack.services, job_id)
    tenant.stack.services.jobs.fail(job, JobError("numerical_failure", "The model made no picture.", True))

    answer = tenant.http.get(f"/v1/jobs/{job_id}?wait=20").json()
    assert answer["status"] == "failed"
    assert answer["error"] == {
        "code": "numerical_failure", "message": "The model made no picture.", "retryable": True,
    }  # fmt: skip


def test_cancel_is_idempotent_and_leaves_ended_jobs_alone(tenant: Tenant) -> None:
    waiting, ended = tenant.accepted()["id"], tenant.accepted()["id"]
    answers = [tenant.http.post(f"/v1/jobs/{waiting}/cancel") for _ in range(2)]
    finish(tenant.stack.services, ended, photo())

    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [(200, "canceled")] * 2
    assert answers[0].json() == answers[1].json()
    assert tenant.http.post(f"/v1/jobs/{ended}/cancel").json()["status"] == "succeeded"


def test_pages_hold_every_job_once_newest_first(tenant: Tenant) -> None:
    sent = [tenant.accepted()["id"] for _ in range(7)]
    seen, cursor = [], None
    for _ in range(4):
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = tenant.http.get("/v1/jobs", params=query).json()
        assert page["object"] == "list"
        seen += [job["id"] for job in page["data"]]
        cursor = page["next_cursor"]
    assert (seen, cursor) == (sent[::-1], None)


def test_filters_add_up(tenant: Tenant) -> None:
    first, second, third = (tenant.accepted(batch=batch) for batch in ("a", "a", "b"))
    tenant.http.post(second["links"]["cancel"])

    def found(**query: str) -> list[str]:
        return [job["id"] for job in tenant.http.get("/v1/jobs", params=query).json()["data"]]

    assert found(batch="a") == [second["id"], first["id"]]
    assert found(batch="a", status="canceled") == [second["id"]]
    assert found(created_after=first["created_at"]) == [third["id"], second["id"]]
    assert found(created_after="2099-01-01T00:00:00Z") == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("status=done", "not_a_choice"),
        ("limit=0", "out_of_range"),
        ("limit=201", "out_of_range"),
        ("cursor=%00", "wrong_format"),
        ("batch=%00", "text_invalid"),
        ("user=%00", "text_invalid"),
        ("created_after=yesterday", "wrong_format"),
        ("created_after=2026-01-01T00:00:00", "wrong_format"),
        ("created_after=0001-01-01T00:00:00%2B14:00", "wrong_format"),
        ("state=queued", "field_unknown"),
    ],
)
def test_a_listing_that_cannot_be_asked_for(tenant: Tenant, query: str, code: str) -> None:
    refused(tenant.http.get(f"/v1/jobs?{query}"), 422, code, query.partition("=")[0])


@pytest.mark.parametrize("path", ["", "?wait=20", "/cancel", "/images/0"])
def test_a_job_of_somebody_else_does_not_exist(tenant: Tenant, stranger: Tenant, path: str) -> None:
    job_id = tenant.accepted()["id"]
    finish(tenant.stack.services, job_id, photo())
    method = "POST" if path == "/cancel" else "GET"

    of_others = stranger.http.request(method, f"/v1/jobs/{job_id}{path}")
    of_nobody = stranger.http.request(method, f"/v1/jobs/job_{'0' * 26}{path}")
    refused(of_others, 404, "job_not_found")
    assert of_others.text.replace(job_id, "") == of_nobody.text.replace(f"job_{'0' * 26}", "")
    assert stranger.http.get("/v1/jobs").json()["data"] == []


def test_a_file_of_somebody_else_does_not_exist(tenant: Tenant, stranger: Tenant) -> None:
    file_id = tenant.http.post("/v1/files", files={"file": photo()}).json()["id"]

    refused(stranger.submit(image=file_id), 422, "file_not_found", "image")
    assert tenant.submit(image=file_id).status_code == 202


@pytest.mark.parametrize("job_id", ["x", "job_", "%00", "job_" + "%00" * 26, "file_" + "0" * 26, "é", "a" * 5000])
def test_what_is_no_id_is_no_job(tenant: Tenant, job_id: str) -> None:
    refused(tenant.http.get(f"/v1/jobs/{job_id}"), 404, "job_not_found")
