"""What the API tells Prometheus, and that it tells it to nobody else."""

from __future__ import annotations

import pytest
from prometheus_client import REGISTRY

from producer.metrics import HTTP_SECONDS
from tests.contract.api.serving import Tenant, request


def answered(method: str, route: str, status: int) -> float:
    labels = {"method": method, "route": route, "status": str(status)}
    return REGISTRY.get_sample_value("inpaintd_http_request_seconds_count", labels) or 0.0


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("GET", "/v1/jobs/job_x", "/v1/jobs/{job_id}", 404),
        ("GET", "/v1/jobs/job_x?wait=1", "/v1/jobs/{job_id}?wait", 404),
        ("PUT", "/v1/jobs", "/v1/jobs", 405),
        ("GET", "/v1/batches/a/b/c/d", "/v1/batches/{batch:path}", 404),
        ("GET", "/replicate/v1/predictions/abc", "/replicate/v1/predictions/{job_id}", 404),
        ("GET", "/console/cases/case_x", "/console/cases/{case_id}", 404),
        ("GET", "/console/static/none.css", "/console/static/*", 404),
        ("GET", "/nothing/of/the/kind", "(none)", 404),
        ("PROPFIND", "/v1/jobs", "/v1/jobs", 405),
    ],
)
def test_answers_are_counted_by_the_template_of_their_route(
    tenant: Tenant, method: str, path: str, route: str, status: int
) -> None:
    shown = method if method != "PROPFIND" else "(other)"
    before = answered(shown, route, status)
    got = tenant.http.request(method, path)
    assert got.status_code == status
    assert answered(shown, route, status) == before + 1


def test_a_job_is_counted_with_its_verdict_and_a_copy_is_not(tenant: Tenant) -> None:
    def counts() -> tuple[float, float]:
        state, verdict = {"model": "default", "state": "queued"}, {"stage": "prompt", "action": "allow"}
        return (
            REGISTRY.get_sample_value("inpaintd_jobs_accepted_total", state) or 0.0,
            REGISTRY.get_sample_value("inpaintd_safety_verdicts_total", verdict) or 0.0,
        )

    before = counts()
    body = request()
    for _ in range(2):
        got = tenant.http.post("/v1/jobs", json=body, headers={"Idempotency-Key": "once"})
        assert got.status_code == 202, got.text
    assert counts() == (before[0] + 1, before[1] + 1)


def test_callers_find_no_metrics(tenant: Tenant) -> None:
    assert tenant.http.get("/metrics").status_code == 404


def test_no_label_can_hold_what_a_caller_sent() -> None:
    told = {sample.labels["route"] for metric in HTTP_SECONDS.collect() for sample in metric.samples}
    assert told
    assert not [
        (route, sent) for route in told for sent in ("job_x", "case_x", "a/b", "abc", "none.css") if sent in route
    ]
