"""Every operation of the document wants a key of its scope, and says no before it looks anything up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import sqlalchemy as sa

from storage.key_store import SCOPES
from tests.contract.api.described import Operation, operations
from tests.contract.api.serving import Stack, photo
from tests.contract.api.test_bad_input import refused

V1 = [operation for operation in operations() if operation.path.startswith("/v1")]
# Whoever may ask it, whatever its scopes.
ANY_KEY = {"detector_examine"}
# What changes nothing is for `read` and all else for `submit`, but for these.
OTHERWISE = {"webhooks": "submit", "keys": "admin", "review_report": "read"}
AN_ID = {
    "job_id": f"job_{'0' * 26}",
    "file_id": f"file_{'0' * 26}",
    "webhook_id": f"whk_{'0' * 26}",
    "key_id": f"key_{'0' * 26}",
}


def scope_of(operation: Operation) -> str:
    """The scope that an operation is to want."""
    usual = "read" if operation.method == "GET" else "submit"
    names = (operation.about["operationId"], operation.about["tags"][0])
    return next((OTHERWISE[name] for name in names if name in OTHERWISE), usual)


@contextmanager
def statements(stack: Stack) -> Iterator[list[str]]:
    """The SQL that the server runs during the block."""
    seen: list[str] = []
    engine = stack.services.database._engine

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


def ask(stack: Stack, operation: Operation, key: str | None, **ids: str) -> httpx.Response:
    """Calls an operation with an example of what it takes."""
    path = operation.path.format(**{name: ids.get(name) or AN_ID.get(name, "0") for name in operation.parameters})
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    body = {"content": photo()} if operation.takes_bytes else {"json": operation.body}
    return httpx.request(operation.method, stack.url + path, headers=headers, timeout=30, **body)


@pytest.fixture(scope="module")
def keys(stack: Stack) -> dict[str, str]:
    """A key of each scope alone, whose use is on record already."""
    made = {scope: stack.tenant("scopes", scope).key for scope in SCOPES}
    for key in made.values():
        stack.services.keys.authenticate(key)
    return made


@pytest.mark.parametrize("operation", V1, ids=lambda operation: operation.about["operationId"])
def test_the_right_scope_opens_and_no_other_does(stack: Stack, keys: dict[str, str], operation: Operation) -> None:
    nonsense = dict.fromkeys(operation.parameters, "x")
    missing = ask(stack, operation, None, **nonsense)
    refused(missing, 401, "key_missing")
    assert missing.headers["www-authenticate"] == "Bearer"
    refused(ask(stack, operation, "ipd_wrong", **nonsense), 401, "key_invalid")
    if operation.about["operationId"] in ANY_KEY:
        return
    scope = scope_of(operation)
    assert operation.about["security"] == [{"HTTPBearer": [scope]}], "the document says so, too"
    for one, key in keys.items():
        with statements(stack) as seen:
            answer = ask(stack, operation, key)
        if one in (scope, "admin"):
            assert answer.status_code not in (401, 403), one
        else:
            refused(ask(stack, operation, key, **nonsense), 403, "scope_missing")
            assert f"`{scope}`" in refused(answer, 403, "scope_missing")["detail"]
            assert {statement for statement in seen if "api_keys" not in statement} <= {"BEGIN"}
