"""docs/openapi.json: true, valid, and enough to make a client from."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate

from producer.api.document import document as made
from storage.job import JobState
from storage.key_store import SCOPES
from tests.contract.api.described import PAGE, Operation, document, operations
from tests.contract.api.serving import Stack, Tenant, photo, request

PROBLEM = {"$ref": "#/components/schemas/Problem"}


def test_the_page_is_what_the_program_says_of_itself(stack: Stack) -> None:
    assert PAGE.read_text() == made(), "the interface has changed: run `make openapi`"
    assert httpx.get(f"{stack.url}/openapi.json").json() == document()


def test_it_is_a_valid_document() -> None:
    validate(document())


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does() -> None:
    names = [operation.about["operationId"] for operation in operations()]
    assert len(set(names)) == len(names)
    for operation in operations():
        assert re.fullmatch(r"[a-z]+_[a-z_]+", operation.about["operationId"])
        assert operation.about["summary"]
        assert operation.about["description"]


@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.about["operationId"])
def test_every_answer_is_described(operation: Operation) -> None:
    for status, answer in operation.about["responses"].items():
        content = answer.get("content", {})
        if int(status) >= 400 and operation.path.startswith("/v1"):
            assert content["application/problem+json"]["schema"] == PROBLEM
            assert content["application/problem+json"]["examples"]
        elif status not in ("204", "302"):
            assert all("schema" in kind for kind in content.values()), status
            assert content
    if operation.path.startswith("/v1"):
        ((scheme, scopes),) = operation.about["security"][0].items()
        assert (scheme, set(scopes) <= set(SCOPES)) == ("HTTPBearer", True)
        assert {"401", "403", "429", "500", "503"} <= operation.about["responses"].keys()


def test_every_json_body_has_an_example_and_states_are_named() -> None:
    assert [operation.body for operation in operations() if operation.about.get("requestBody")]
    assert set(document()["components"]["schemas"]["JobState"]["enum"]) == set(JobState)


class Client:
    """A client made from the document alone: every operation is a method named by its id."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def __getattr__(self, operation_id: str) -> Callable[..., Any]:
        operation = next(one for one in operations() if one.about["operationId"] == operation_id)
        queries = {p["name"] for p in operation.about.get("parameters", []) if p["in"] == "query"}

        def call(body: Any = None, **arguments: Any) -> Any:
            path = operation.path.format(**arguments)
            asked = {name: value for name, value in arguments.items() if name in queries}
            answer = self._http.request(operation.method, path, params=asked, json=body)
            answer.raise_for_status()
            return answer.json() if "json" in answer.headers.get("content-type", "") else answer.content

        return call


def test_a_client_made_from_it_works(tenant: Tenant) -> None:
    client = Client(tenant.http)
    job = client.jobs_submit(body=request(seed=7))
    assert client.jobs_read(job_id=job["id"])["params"]["seed"] == 7
    assert [one["id"] for one in client.jobs_page(limit=1, status="queued")["data"]] == [job["id"]]
    assert client.jobs_cancel(job_id=job["id"])["status"] == "canceled"
    assert client.models_listed()["data"]
    assert client.jobs_erase(job_id=job["id"])["erased_at"]


def test_a_form_is_described_as_well(tenant: Tenant) -> None:
    form = document()["components"]["schemas"]["JobForm"]["properties"]
    files = {name: (name, photo()) for name, about in form.items() if about == {"type": "string", "format": "binary"}}
    answer = tenant.http.post("/v1/jobs", files={"image": files["image"], "mask": files["mask"]})
    assert answer.status_code == 202
