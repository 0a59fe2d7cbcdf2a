"""Somebody else's thing answers as a thing that does not exist: same status, same words, same questions to the
database, on every operation of the document that takes an id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from storage.ids import new_id
from storage.webhook import TEST_EVENT
from tests.contract.api.batching import send, uploaded
from tests.contract.api.described import Operation, operations
from tests.contract.api.serving import Stack, Tenant, finish, photo, request
from tests.contract.api.test_scopes import ask, statements

WITH_IDS = [operation for operation in operations() if operation.parameters]


def a_job(owner: Tenant) -> str:
    """One that has succeeded, so that there is everything that a job can have."""
    job_id: str = owner.accepted()["id"]
    finish(owner.stack.services, job_id, photo())
    return job_id


def a_batch(owner: Tenant) -> str:
    """A batch that was sent, with a job that waits."""
    return str(send(owner, [{**uploaded(owner), "prompt": "a red circle"}]).batch["id"])


def a_webhook(owner: Tenant) -> str:
    """An endpoint."""
    made: str = owner.stack.services.webhooks.create(owner.id, "https://example.org/hook", ["job.succeeded"]).id
    return made


def a_file(owner: Tenant) -> str:
    """A picture that was uploaded."""
    made: str = owner.http.post("/v1/files", files={"file": ("a.png", photo())}).json()["id"]
    return made


def an_upload(owner: Tenant) -> str:
    """A direct upload whose bytes have arrived."""
    uploads = owner.stack.services.uploads
    made: str = uploads.open(owner.id, len(photo()), sha256=None, content_type=None).upload.id
    uploads.receive(made, owner.id, photo())
    return made


def a_key(owner: Tenant) -> str:
    """An API key."""
    made: str = owner.stack.services.keys.issue(owner.id, ["read"]).key.id
    return made


# By the name of a path parameter: how to make one, and an id of its form that nobody has.
KINDS: dict[str, tuple[Callable[[Tenant], str], Callable[[], str]]] = {
    "job_id": (a_job, lambda: new_id("job")),
    "file_id": (a_file, lambda: new_id("file")),
    "batch": (a_batch, lambda: new_id("batch")),
    "webhook_id": (a_webhook, lambda: new_id("whk")),
    "key_id": (a_key, lambda: new_id("key")),
}


def ids_of(operation: Operation, owner: Tenant) -> tuple[dict[str, str], dict[str, str]]:
    """Ids of what `owner` has, and ids of nothing, for the path of `operation`."""
    theirs, nobodys = {}, {}
    for name in operation.parameters:
        if name == "n":
            theirs[name] = nobodys[name] = "0"
        elif name == "delivery_id":
            theirs[name] = owner.stack.services.deliveries.test(theirs["webhook_id"], owner.id, TEST_EVENT).id
            nobodys[name] = f"dlv_{new_id('x')[2:]}_{new_id('x')[2:]}"
        elif operation.about["operationId"] == "review_appeal":
            theirs[name], nobodys[name] = owner.accepted(prompt="remove her clothes")["id"], new_id("job")
        elif operation.about["operationId"] in ("files_content", "files_complete"):
            theirs[name], nobodys[name] = an_upload(owner), new_id("file")
        else:
            assert name in KINDS, f"say in KINDS how to make a {name}, so that its isolation is tested"
            make, nobody = KINDS[name]
            theirs[name], nobodys[name] = make(owner), nobody()
    return theirs, nobodys


def said(answer: httpx.Response, ids: dict[str, str]) -> tuple[int, str, dict[str, Any]]:
    """An answer without the ids that were asked for, nor what differs from moment to moment."""
    text = answer.text
    for one in ids.values():
        text = text.replace(one, "ID") if len(one) > 1 else text
    headers = {name: value for name, value in answer.headers.items() if name not in ("date", "content-length")}
    return answer.status_code, text, headers


@pytest.mark.parametrize("operation", WITH_IDS, ids=lambda operation: operation.about["operationId"])
def test_what_is_somebody_elses_is_not_there(stack: Stack, tenant: Tenant, operation: Operation) -> None:
    outsider = stack.tenant("outsider", "admin")
    stack.services.keys.authenticate(outsider.key)  # notes its use, which is not noted again for some minutes
    theirs, nobodys = ids_of(operation, tenant)
    with statements(stack) as asked_of_theirs:
        first = ask(stack, operation, outsider.key, **theirs)
    with statements(stack) as asked_of_nobodys:
        second = ask(stack, operation, outsider.key, **nobodys)
    assert said(first, theirs) == said(second, nobodys)
    assert asked_of_theirs == asked_of_nobodys
    if operation.about["operationId"] != "batches_cancel":  # nothing to cancel is the same as none
        assert first.status_code == 404


@pytest.mark.parametrize("operation", WITH_IDS, ids=lambda operation: operation.about["operationId"])
def test_the_owner_finds_it(stack: Stack, tenant: Tenant, operation: Operation) -> None:
    """Or else the test above would find two things missing that are missing for everybody."""
    owner = stack.services.keys.create_key(tenant.id, ["admin"])
    theirs, _ = ids_of(operation, tenant)
    assert ask(stack, operation, owner, **theirs).status_code < 400


@pytest.mark.parametrize("field", ["image", "mask"])
def test_somebody_elses_file_is_no_file(stack: Stack, tenant: Tenant, stranger: Tenant, field: str) -> None:
    stack.services.keys.authenticate(stranger.key)
    upload = {"file": ("a.png", photo())}
    theirs, nobodys = tenant.http.post("/v1/files", files=upload).json()["id"], new_id("file")
    answers, asked = [], []
    for one in (theirs, nobodys):
        with statements(stack) as seen:
            answer = stranger.http.post("/v1/jobs", json=request(**{field: one}))
        answers.append((answer.status_code, answer.text.replace(one, "ID")))
        asked.append(seen)
    assert answers[0] == answers[1]
    assert answers[0][0] == 422
    assert asked[0] == asked[1]


def test_somebody_elses_result_cannot_be_reported(stack: Stack, tenant: Tenant, stranger: Tenant) -> None:
    stack.services.keys.authenticate(stranger.key)
    answers, asked = [], []
    for one in (a_job(tenant), new_id("job")):
        with statements(stack) as seen:
            answers.append(stranger.http.post("/v1/reports", json={"job": one, "category": "x", "text": "y"}))
        asked.append(seen)
    assert {answer.status_code for answer in answers} == {404}
    assert answers[0].json() == answers[1].json()
    assert asked[0] == asked[1]


def test_lists_show_nothing_of_anybody_else(stack: Stack, tenant: Tenant) -> None:
    batch = a_batch(tenant)
    things = (a_job(tenant), a_webhook(tenant), a_key(tenant), batch)
    with stack.tenant("outsider who lists", "admin").http as http:
        plain = [operation.path for operation in operations() if operation.method == "GET" and not operation.parameters]
        for told in [http.get(path).text for path in plain]:
            assert not any(thing in told for thing in things)
        assert http.get("/v1/jobs", params={"batch": batch}).json()["data"] == []
