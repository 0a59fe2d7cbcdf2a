"""Whatever is sent, the answer is a job or a problem with a code, never a fault of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from producer.api.problems import CODES
from producer.api.schemas import JobRequest
from tests.contract.api.serving import Tenant, request, running
from tests.servers import fresh_database

JSON = {"content-type": "application/json"}
PATIENT = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
# Without surrogates, which cannot be sent as UTF-8; their escapes are in test_bad_input.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
names = st.sampled_from(sorted(JobRequest.model_fields)) | texts


@pytest.fixture(scope="module")
def tenant(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    """A caller of a server on PostgreSQL, which takes less than SQLite does: no NUL, no infinity."""
    folder = tmp_path_factory.mktemp("strict")
    with fresh_database(postgres_server, "any_body") as url, running(folder, database_url=url) as stack:
        tenant = stack.tenant("anybody")
        with tenant.http:
            yield tenant


def answers_well(tenant: Tenant, body: Any) -> None:
    content = json.dumps(body, ensure_ascii=False).encode()
    answer = tenant.http.post("/v1/jobs", content=content, headers=JSON)
    if answer.status_code == 202:
        assert answer.json()["id"].startswith("job_")
        return
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert 400 <= answer.status_code < 500, answer.text
    assert problem["status"] == answer.status_code == CODES[problem["code"]].status
    assert all(error["code"] in CODES for error in problem.get("errors", []))


@PATIENT
@given(body=st.dictionaries(names, values, max_size=6))
def test_any_object(tenant: Tenant, body: dict[str, Any]) -> None:
    answers_well(tenant, body)


lines = st.binary(max_size=60) | st.dictionaries(names, values, max_size=4).map(lambda line: json.dumps(line).encode())


@PATIENT
@given(body=st.lists(lines, max_size=8).map(b"\n".join), key=st.none() | st.just("again"))
def test_any_batch(tenant: Tenant, body: bytes, key: str | None) -> None:
    headers = {"content-type": "application/x-ndjson"} | ({} if key is None else {"idempotency-key": key})
    answer = tenant.http.post("/v1/batches", content=body, headers=headers)
    *told, last = map(json.loads, answer.text.splitlines())
    assert (answer.status_code, last["error"]) == (200, None)
    assert [one["line"] for one in told] == [n for n, line in enumerate(body.split(b"\n"), 1) if line.strip()]
    for one in told:
        code = one.get("error", {}).get("code")
        assert one["status"] == (202 if code is None else CODES[code].status) < 500
    assert last["batch"]["lines"]["read"] == len(told)


@PATIENT
@given(name=names, value=values)
def test_a_sound_request_with_one_field_of_any_value(tenant: Tenant, name: str, value: Any) -> None:
    answers_well(tenant, request(**{name: value}))


@PATIENT
@given(body=st.binary(max_size=200))
def test_any_bytes(tenant: Tenant, body: bytes) -> None:
    for media_type in ("application/json", "multipart/form-data; boundary=x"):
        answer = tenant.http.post("/v1/jobs", content=body, headers={"content-type": media_type})
        assert 400 <= answer.status_code < 500
        assert answer.json()["code"] in CODES


@PATIENT
@given(metadata=st.dictionaries(texts, values, max_size=4), user=texts, batch=texts)
def test_own_fields_are_kept_as_they_were_sent(tenant: Tenant, metadata: dict[str, Any], user: str, batch: str) -> None:
    body = json.dumps(request(metadata=metadata, user=user, batch=batch))
    answer = tenant.http.post("/v1/jobs", content=body, headers=JSON)
    if answer.status_code == 202:
        # As a JSON number may come back: PostgreSQL writes 3.1e+16 as 31000000000000000.
        kept = json.loads(tenant.http.get(answer.json()["links"]["self"]).text, parse_int=float)
        sent = json.loads(body, parse_int=float)
        assert (kept["metadata"], kept["batch"]) == (sent["metadata"], sent["batch"])
    else:
        assert answer.status_code < 500
        assert {error["code"] for error in answer.json()["errors"]} <= {
            "metadata_invalid",
            "text_invalid",
            "wrong_length",
        }
