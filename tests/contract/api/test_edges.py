"""Everything around the jobs: health, unknown addresses, the document, and what happens when services are away."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
import time
from pathlib import Path

import httpx
import pytest
import redis

from producer.api.problems import CODES
from storage.broker import REDIS_SECONDS, queue_of
from tests.contract.api.serving import Stack, Tenant, request, running
from tests.contract.api.test_bad_input import refused


def test_health_needs_no_key_and_no_redis(stack: Stack) -> None:
    assert httpx.get(f"{stack.url}/healthz").json() == {"status": "ok"}
    ready = httpx.get(f"{stack.url}/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert ready.json()["checks"] == {"database": "ok", "objects": "ok", "redis": "down"}


def test_with_redis_it_is_ready_and_rings(tmp_path: Path, redis_url: str) -> None:
    with running(tmp_path, redis_url=redis_url) as stack, stack.tenant("a").http as http:
        assert httpx.get(f"{stack.url}/readyz").json()["status"] == "ready"
        job_id = http.post("/v1/jobs", json=request()).json()["id"]
        with redis.Redis.from_url(redis_url) as client:
            _, message = client.blpop([queue_of("default")], timeout=20)
    assert job_id in str(json.loads(message)["headers"])


def test_not_ready_without_a_place_for_objects(tmp_path: Path) -> None:
    with running(tmp_path) as stack, stack.tenant("a").http as http:
        (tmp_path / "objects" / ".tmp").rmdir()
        (tmp_path / "objects").rmdir()
        (tmp_path / "objects").write_text("not a folder any more")

        answer = httpx.get(f"{stack.url}/readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
        assert answer.json()["checks"]["objects"] == "down"
        assert httpx.get(f"{stack.url}/healthz").status_code == 200
        failed = http.post("/v1/jobs", json=request())
        assert failed.status_code >= 500
        assert str(tmp_path) not in failed.text
        assert http.get("/v1/jobs").json()["data"] == []


def test_a_deaf_redis_does_not_slow_a_submit(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"redis://127.0.0.1:{deaf.getsockname()[1]}/0"
        with running(tmp_path, redis_url=url) as stack, stack.tenant("a").http as http:
            http.post("/v1/jobs", json=request())
            seconds = []
            for _ in range(5):
                began = time.monotonic()
                assert http.post("/v1/jobs", json=request()).status_code == 202
                seconds.append(time.monotonic() - began)
            # Whoever waits for Redis waits as long each time.
            assert min(seconds) < REDIS_SECONDS


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "route_not_found"),
        ("GET", "/v1/nothing", 404, "route_not_found"),
        ("GET", "/v1/jobs/", 404, "route_not_found"),
        ("PUT", "/v1/jobs", 405, "method_not_allowed"),
        ("DELETE", "/healthz", 405, "method_not_allowed"),
    ],
)
def test_addresses_that_are_not_there(tenant: Tenant, method: str, path: str, status: int, code: str) -> None:
    answer = tenant.http.request(method, path)
    refused(answer, status, code)
    assert ("allow" in answer.headers) == (status == 405)


def test_a_fault_of_ours_tells_nothing_of_the_inside(tmp_path: Path) -> None:
    with running(tmp_path) as stack, stack.tenant("a").http as http:
        http.post("/v1/jobs", json=request())
        with sqlite3.connect(tmp_path / "jobs.db") as database:
            database.execute('UPDATE jobs SET params = \'{"steps": "secret"}\'')

        problem = refused(http.get("/v1/jobs"), 500, "internal")
        assert "secret" not in str(problem)
        # The connection stays good for the next request.
        assert http.get("/v1/models").status_code == 200


def test_the_document_is_whole(stack: Stack) -> None:
    document = httpx.get(f"{stack.url}/openapi.json").json()

    def references(node: object) -> set[str]:
        if isinstance(node, dict):
            own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
            return own.union(*(references(value) for value in node.values()))
        return set().union(*(references(value) for value in node)) if isinstance(node, list) else set()

    schemas = document["components"]["schemas"]
    assert references(document) <= {f"#/components/schemas/{name}" for name in schemas}
    assert {"JobRequest", "JobForm", "Problem", "JobView"} <= schemas.keys()
    assert schemas["JobRequest"]["properties"]["steps"]["maximum"] == 150
    submit = document["paths"]["/v1/jobs"]["post"]
    assert submit["requestBody"]["content"].keys() == {"application/json", "multipart/form-data"}
    assert {"202", "400", "401", "403", "413", "415", "422", "503"} <= submit["responses"].keys()
    page = httpx.get(f"{stack.url}/docs").raise_for_status().text
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert any(asset.endswith(".js") for asset in loaded)
    for asset in loaded:
        assert httpx.get(f"{stack.url}{asset}").status_code == 200, "the page must need nothing but this server"


def test_every_code_tells_what_to_do() -> None:
    for code, entry in CODES.items():
        assert entry.title, code
        assert entry.advice.endswith("."), code
