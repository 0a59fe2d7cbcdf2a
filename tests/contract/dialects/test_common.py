"""What holds for every dialect: one job read through each, limits, strangers, and errors in the dialect's own shape."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from producer.api.problems import CODES
from producer.dialects.doors import DIALECTS
from storage.tenant_store import TenantLimits
from tests.contract.api.serving import Stack, Tenant, data_uri, finish, mask, photo, running
from tests.contract.api.test_nothing_shown import STATES, stands
from tests.contract.dialects.painter import PICTURE
from tests.contract.dialects.pictures import transparent_in

JSON_PICTURES = (data_uri(photo()), data_uri(mask()))


@dataclass(frozen=True)
class Door:
    """How a dialect is asked: by `post` for a new job, at `read` for one there is, and with which word before a key."""

    read: str
    post: Callable[[httpx.Client, str], httpx.Response]
    scheme: str
    code: Callable[[Any], str]
    """Where the code stands in an error."""
    picture: Callable[[Any], str]
    """Where the first picture stands, as base64 or a data: URI."""

    def headers(self, key: str) -> dict[str, str]:
        word = base64.b64encode(f"x:{key}".encode()).decode() if self.scheme == "Basic" else key
        return {"Authorization": f"{self.scheme} {word}"}


def _edit(http: httpx.Client, prompt: str) -> httpx.Response:
    files = {"image": photo(), "mask": transparent_in()}
    return http.post("/openai/v1/images/edits", files=files, data={"prompt": prompt})


def _predict(http: httpx.Client, prompt: str) -> httpx.Response:
    asked = {"image": JSON_PICTURES[0], "mask": JSON_PICTURES[1], "prompt": prompt}
    return http.post("/replicate/v1/predictions", json={"version": "default", "input": asked})


def _img2img(http: httpx.Client, prompt: str) -> httpx.Response:
    asked = {"init_images": [JSON_PICTURES[0]], "mask": JSON_PICTURES[1], "prompt": prompt}
    return http.post("/a1111/sdapi/v1/img2img", json=asked)


def _queue(http: httpx.Client, prompt: str) -> httpx.Response:
    asked = {"image_url": JSON_PICTURES[0], "mask_url": JSON_PICTURES[1], "prompt": prompt}
    return http.post("/fal/inpaintd/default", json=asked)


DOORS = {
    "openai": Door(
        "/openai/v1/images/edits/{}",
        _edit,
        "Bearer",
        lambda body: str(body["error"]["code"]),
        lambda body: str(body["data"][0]["b64_json"]),
    ),
    "replicate": Door(
        "/replicate/v1/predictions/{}",
        _predict,
        "Bearer",
        lambda body: str(body["type"]).removeprefix("/problems/"),
        lambda body: str(body["output"][0]),
    ),
    "a1111": Door(
        "/a1111/sdapi/v1/img2img/{}",
        _img2img,
        "Basic",
        lambda body: str(body["error"]),
        lambda body: str(body["images"][0]),
    ),
    "fal": Door(
        "/fal/inpaintd/default/requests/{}",
        _queue,
        "Key",
        lambda body: str(body["error_type"]),
        lambda body: str(body["images"][0]["url"]),
    ),
}
KEYS = {
    "openai": {"error"},
    "replicate": {"type", "title", "status", "detail", "instance"},
    "a1111": {"error", "detail", "body", "errors"},
    "fal": {"detail", "error_type"},
}


@pytest.fixture(params=DOORS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def door(name: str) -> Door:
    return DOORS[name]


def refused(name: str, answer: httpx.Response, status: int, code: str) -> None:
    """The answer must be this error, in the shape of the dialect."""
    assert answer.json().keys() == KEYS[name], answer.text
    assert (answer.status_code, DOORS[name].code(answer.json())) == (status, code), answer.text


def test_there_are_no_other_dialects() -> None:
    assert {dialect.prefix.strip("/") for dialect in DIALECTS} == DOORS.keys()


def test_a_native_job_is_read_through_each(tenant: Tenant, door: Door) -> None:
    job_id = tenant.accepted()["id"]
    finish(tenant.stack.services, job_id, PICTURE)
    answer = tenant.http.get(door.read.format(job_id), headers=door.headers(tenant.key))
    assert base64.b64decode(door.picture(answer.json()).rpartition(",")[2]) == PICTURE


@pytest.mark.parametrize("what", STATES)
def test_what_has_not_succeeded_is_shown_by_none(
    tenant: Tenant, door: Door, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producer.dialects.waiting.SYNC_SECONDS", 0.01)
    monkeypatch.setattr(type(tenant.stack.services.objects), "presign", lambda *_: "https://bucket.example/x")
    job_id = stands(tenant, STATES[what][0])["id"]
    answer = tenant.http.get(door.read.format(job_id))
    assert job_id in answer.text or answer.status_code >= 400
    assert not any(word in answer.text for word in ("bucket.example", "/images/0", "results/", "data:image", "iVBOR"))


def test_a_job_of_each_is_an_ordinary_one(tenant: Tenant, name: str, door: Door) -> None:
    door.post(tenant.http, "remove her clothes")
    (job,) = tenant.http.get("/v1/jobs").json()["data"]
    assert (job["status"], job["metadata"], job["params"]["prompt"]) == (
        "blocked",
        {"dialect": name},
        "remove her clothes",
    )


def test_a_key_is_needed_and_checked(stack: Stack, name: str, door: Door) -> None:
    with httpx.Client(base_url=stack.url) as http:
        refused(name, door.post(http, "x"), 401, "key_missing")
    with httpx.Client(base_url=stack.url, headers=door.headers("ipd_wrong")) as http:
        refused(name, door.post(http, "x"), 401, "key_invalid")


def test_scopes_hold(stack: Stack, name: str, door: Door) -> None:
    reader, writer = stack.tenant("halves", "read"), stack.tenant("halves", "submit")
    with reader.http, writer.http:
        refused(name, door.post(reader.http, "x"), 403, "scope_missing")
        answer = writer.http.get(door.read.format("job_" + "0" * 26))
        refused(name, answer, 403, "scope_missing")


def test_a_strangers_job_is_not_there(tenant: Tenant, stranger: Tenant, name: str, door: Door) -> None:
    job_id = tenant.accepted()["id"]
    finish(tenant.stack.services, job_id, PICTURE)
    refused(name, stranger.http.get(door.read.format(job_id)), 404, "job_not_found")
    refused(name, tenant.http.get(door.read.format("job_of_nobody")), 404, "job_not_found")


@pytest.mark.parametrize("limits", [{"requests_per_second": 0.01}, {"max_queued": 1}], ids=["rate", "queue"])
def test_limits_are_429_with_the_time_to_wait(stack: Stack, name: str, door: Door, limits: dict[str, Any]) -> None:
    called = f"{name} {limits}"
    tenant = stack.tenant(called)
    stack.services.tenants.set_limits(called, TenantLimits(**limits))
    with tenant.http as http:
        tenant.accepted()
        answer = door.post(http, "x")
    refused(name, answer, 429, "queue_full" if "max_queued" in limits else "too_many_requests")
    assert int(answer.headers["retry-after"]) >= 1


def test_addresses_that_are_not_there(tenant: Tenant, name: str) -> None:
    refused(name, tenant.http.get(f"/{name}/v9"), 404, "route_not_found")
    assert tenant.http.get(f"/{name}").json()["code"] == "route_not_found", "outside the dialect"


def test_an_unforeseen_error_has_the_shape_too(
    tenant: Tenant, name: str, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(tenant.stack.services.reader), "get", lambda *_: 1 / 0)
    monkeypatch.setattr(type(tenant.stack.services.submitter), "submit", lambda *_: 1 / 0)
    refused(name, door.post(tenant.http, "x"), 500, "internal")


@pytest.fixture(scope="module")
def strict_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A server that takes small bodies only."""
    with running(tmp_path_factory.mktemp("strict"), max_body_bytes=100) as stack:
        yield stack


def test_a_body_beyond_the_limit(strict_stack: Stack, name: str, door: Door) -> None:
    with strict_stack.tenant("a").http as http:
        refused(name, door.post(http, "x"), 413, "body_too_large")


def test_errors_keep_their_headers_and_their_length(tenant: Tenant, name: str, door: Door) -> None:
    answer = tenant.http.get(door.read.format("job_of_nobody"))
    assert int(answer.headers["content-length"]) == len(answer.content)
    wrong = tenant.http.request("DELETE", door.read.format("job_of_nobody"))
    refused(name, wrong, 405, "method_not_allowed")
    assert wrong.headers["allow"]


@pytest.mark.parametrize("waiting", ["openai", "a1111"])
def test_who_waits_is_not_kept_for_ever_and_loses_nothing(
    tenant: Tenant, waiting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producer.dialects.waiting.SYNC_SECONDS", 0.05)
    answer = DOORS[waiting].post(tenant.http, "x")
    refused(waiting, answer, 504, "still_waiting")
    (job,) = tenant.http.get("/v1/jobs").json()["data"]
    assert job["status"] == "queued"
    assert job["id"] in answer.text
    finish(tenant.stack.services, job["id"], PICTURE)
    assert tenant.http.get(DOORS[waiting].read.format(job["id"])).status_code == 200


def test_an_idempotency_key_makes_one_job_of_many_requests(tenant: Tenant, door: Door) -> None:
    tenant.http.headers["Idempotency-Key"] = "mine"
    for _ in range(2):
        door.post(tenant.http, "remove her clothes")
    assert len(tenant.http.get("/v1/jobs").json()["data"]) == 1


def test_dialects_are_not_in_the_document(stack: Stack) -> None:
    paths = httpx.get(f"{stack.url}/openapi.json").json()["paths"]
    assert not [path for path in paths if path.startswith(tuple(f"/{name}" for name in DOORS))]
    assert CODES["not_supported"].status == 422
