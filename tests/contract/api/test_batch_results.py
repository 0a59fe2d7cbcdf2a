"""GET /v1/batches/{id}/results: what became of every line, as lines and as a ZIP."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from producer.zips import MANIFEST
from storage.job import JobError
from storage.lease_store import LeaseStore
from storage.retention_store import RetentionStore
from tests.contract.api.batching import Answer, send, uploaded
from tests.contract.api.serving import Tenant, photo, result_of, running
from tests.contract.api.test_bad_input import refused
from tests.servers import S3Server


@pytest.fixture
def batch(tenant: Tenant) -> Answer:
    """Three lines: one succeeded, one failed, one waits."""
    own = uploaded(tenant)
    names = ("sku/17 ä", "b", None)
    named = [{"custom_id": name} if name is not None else {} for name in names]
    answer = send(tenant, [{**own, "prompt": f"a circle {n}", **named[n]} for n in range(3)])
    services = tenant.stack.services
    for job in LeaseStore(services.database).claim("tests", models=["default"], limit=100):
        if job.id == answer.jobs[0]:
            assert services.jobs.succeed(job, result_of(services, job, photo()))
        elif job.id == answer.jobs[1]:
            assert services.jobs.fail(job, JobError("internal", "Something went wrong.", True))
    return answer


def lines(tenant: Tenant, answer: Answer, **query: Any) -> list[dict[str, Any]]:
    """The results as lines."""
    found = tenant.http.get(answer.batch["links"]["results"], params=query)
    assert found.status_code == 200, found.text
    assert found.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in found.text.splitlines()]


def archive(tenant: Tenant, answer: Answer) -> zipfile.ZipFile:
    """The results as a ZIP, which must be sound."""
    found = tenant.http.get(answer.batch["links"]["results"], params={"format": "zip"})
    assert (found.status_code, found.headers["content-type"]) == (200, "application/zip")
    opened = zipfile.ZipFile(io.BytesIO(found.content))
    assert opened.testzip() is None
    return opened


def manifest(opened: zipfile.ZipFile) -> list[dict[str, Any]]:
    return [json.loads(line) for line in opened.read(MANIFEST).splitlines()]


def test_there_is_a_line_for_each_job_with_the_job_as_it_is(tenant: Tenant, batch: Answer) -> None:
    found = lines(tenant, batch)
    assert [one["job"]["id"] for one in found] == batch.jobs
    assert [(one["line"], one["custom_id"]) for one in found] == [(1, "sku/17 ä"), (2, "b"), (3, None)]
    assert [one["job"]["status"] for one in found][:2] == ["succeeded", "failed"]
    assert found[0]["job"] == tenant.http.get(f"/v1/jobs/{batch.jobs[0]}").json()
    assert {len(one["links"]) for one in found} == {0}
    assert [one["links"] for one in lines(tenant, batch, links=True)] == [[None], [], []], "a folder has no links"


def test_the_zip_has_the_images_and_says_what_became_of_the_rest(tenant: Tenant, batch: Answer) -> None:
    opened = archive(tenant, batch)
    assert opened.namelist() == ["000001-sku_17_-0.png", MANIFEST]
    assert opened.read("000001-sku_17_-0.png") == photo()
    told = manifest(opened)
    assert [(one["line"], one["job"]) for one in told] == list(zip((1, 2, 3), batch.jobs, strict=True))
    assert [one["status"] for one in told][:2] == ["succeeded", "failed"]
    assert told[0]["files"][0]["name"] == "000001-sku_17_-0.png"
    assert told[1]["error"]["code"] == "internal"
    assert not any(one["gone"] for one in told)
    by_header = tenant.http.get(batch.batch["links"]["results"], headers={"Accept": "application/zip"})
    assert by_header.headers["content-disposition"] == 'attachment; filename="results.zip"'


def test_what_was_erased_is_left_out_and_said_to_be_gone(tenant: Tenant, batch: Answer) -> None:
    RetentionStore(tenant.stack.services.database).mark_erased([batch.jobs[0]])
    opened = archive(tenant, batch)
    assert opened.namelist() == [MANIFEST]
    assert [one["gone"] for one in manifest(opened)] == [True, False, False]
    erased = lines(tenant, batch, links=True)[0]
    assert (erased["line"], erased["custom_id"], erased["links"]) == (1, None, [])


def test_an_image_that_the_store_lost_does_not_break_the_rest(tenant: Tenant, batch: Answer) -> None:
    job = tenant.stack.services.reader.get(batch.jobs[0], tenant.id)
    tenant.stack.services.objects.delete(job.images[0].key)
    assert manifest(archive(tenant, batch))[0]["gone"]


def test_results_of_a_label_are_those_of_its_jobs(tenant: Tenant, stranger: Tenant) -> None:
    made = [tenant.accepted(batch="spring/summer")["id"] for _ in range(2)]
    stranger.accepted(batch="spring/summer")
    found = tenant.http.get("/v1/batches/spring/summer/results").text.splitlines()
    assert [(json.loads(line)["job"]["id"], json.loads(line)["line"]) for line in found] == [
        (one, None) for one in made
    ]
    refused(tenant.http.get("/v1/batches/autumn/results"), 404, "batch_not_found")
    refused(tenant.http.get("/v1/batches/autumn/results", params={"format": "tar"}), 422, "not_a_choice")


def test_links_lead_to_the_object_store_where_it_has_them(tmp_path: Path, s3_server: S3Server) -> None:
    with running(tmp_path, s3=s3_server) as stack, (tenant := stack.tenant("acme")).http as http:
        answer = send(tenant, [{**uploaded(tenant), "prompt": "a red circle"}])
        (job,) = LeaseStore(stack.services.database).claim("tests", models=["default"])
        assert stack.services.jobs.succeed(job, result_of(stack.services, job, photo()))
        ((link,),) = [one["links"] for one in lines(tenant, answer, links=True)]
        assert http.get(link, headers={"Authorization": ""}).content == photo()
        assert archive(tenant, answer).read("000001-0.png") == photo()
