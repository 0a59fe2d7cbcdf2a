"""POST /v1/batches: each line has an answer of its own, and whatever was answered is stored."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.lease_store import LeaseStore
from storage.object_store import LocalObjectStore
from storage.tenant_store import TenantLimits
from tests.contract.api.batching import TYPE, body_of, send, uploaded
from tests.contract.api.serving import NO_REDIS, Tenant, data_uri, mask, photo, request, result_of, running
from tests.contract.api.test_bad_input import refused


@pytest.fixture
def line(tenant: Tenant) -> dict[str, Any]:
    """A sound line."""
    return {**uploaded(tenant), "prompt": "a red circle"}


def test_every_line_is_answered_in_order_and_failures_hold_up_no_other(tenant: Tenant, line: dict[str, Any]) -> None:
    lines = [{**line, "seed": n, "custom_id": f"sku {n}"} for n in range(3)]
    answer = send(tenant, [lines[0], "{", lines[1], {**line, "steps": 0}, request(), "", lines[2]])
    assert [one["line"] for one in answer.lines] == [1, 2, 3, 4, 5, 7]
    assert answer.statuses == [202, 400, 202, 422, 202, 202]
    assert answer.codes == [None, "json_invalid", None, "out_of_range", None, None]
    assert [one.get("custom_id") for one in answer.lines] == ["sku 0", None, "sku 1", None, None, "sku 2"]
    assert answer.lines[3]["error"]["errors"][0]["field"] == "steps"
    assert answer.last["error"] is None
    batch = answer.batch
    assert answer.location == f"/v1/batches/{batch['id']}"
    assert (batch["status"], batch["complete"]) == ("closed", True)
    assert batch["lines"] == {"read": 6, "accepted": 4, "replayed": 0, "refused": 2}
    assert answer.lines[0]["job"] == {
        "id": answer.jobs[0],
        "object": "job",
        "status": "queued",
        "batch": batch["id"],
    }
    job = tenant.http.get(f"/v1/jobs/{answer.jobs[1]}").json()
    assert (job["batch"], job["params"]["seed"], job["priority"]) == (batch["id"], 1, "bulk")
    assert tenant.left_behind() == (4, 4), "two files, and the pictures of the line that brought its own"


BAD_LINES = {
    "not_an_object": (b"[1]", 400, "json_invalid"),
    "not_json": (b"image=1", 400, "json_invalid"),
    "cut_off": (b'{"image": "file_', 400, "json_invalid"),
    "not_utf8": (b'{"prompt": "\xff"}', 400, "invalid_utf8"),
    "unknown_field": (b'{"imge": "x", "image": "y"}', 422, "field_unknown"),
    "no_image": (b'{"prompt": "x"}', 422, "field_missing"),
    "no_such_file": (b'{"image": "file_%s"}' % (b"0" * 26), 422, "file_not_found"),
    "own_batch": (b'{"image": "file_%s", "batch": "mine"}' % (b"0" * 26), 422, "field_unknown"),
    "bad_key": (b'{"image": "x", "idempotency_key": "\\u00e9"}', 422, "wrong_format"),
    "long_name": (b'{"image": "x", "custom_id": "%s"}' % (b"c" * 65), 422, "wrong_length"),
    "too_long": (b'{"image": "%s"}' % (b"x" * (17 << 20)), 413, "line_too_long"),
    "broken_picture": (b'{"image": "data:image/png;base64,AAAA"}', 422, "image_type_unsupported"),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_line_is_told_what_is_wrong_with_it(tenant: Tenant, line: dict[str, Any], name: str) -> None:
    bad, status, code = BAD_LINES[name]
    answer = send(tenant, [bad, line])
    assert (answer.statuses, answer.codes) == ([status, 202], [code, None])
    assert tenant.left_behind()[0] == 1


def test_the_last_line_needs_no_end_and_a_batch_no_line(tenant: Tenant, line: dict[str, Any]) -> None:
    bodies = [json.dumps(line).encode(), b"", b"\n\r\n \n", body_of([line]).replace(b"\n", b"\r\n")]
    answers = [tenant.http.post("/v1/batches", content=body, headers=TYPE) for body in bodies]
    read = [json.loads(answer.text.splitlines()[-1])["batch"]["lines"]["read"] for answer in answers]
    assert read == [1, 0, 0, 1]


@pytest.mark.parametrize(
    ("headers", "query", "status", "code"),
    [
        ({"Content-Type": "application/json"}, {}, 415, "media_type_unsupported"),
        ({**TYPE, "Content-Encoding": "gzip"}, {}, 415, "media_type_unsupported"),
        ({}, {}, 415, "media_type_unsupported"),
        ({**TYPE, "Idempotency-Key": ""}, {}, 400, "idempotency_key_invalid"),
        (TYPE, {"metadata": "{"}, 422, "wrong_type"),
        (TYPE, {"metadata": "[1]"}, 422, "wrong_type"),
        (TYPE, {"metadata": json.dumps({"a": "\0"})}, 422, "text_invalid"),
        (TYPE, {"metadata": json.dumps({str(n): 1 for n in range(17)})}, 422, "metadata_invalid"),
        (TYPE, {"priority": "urgent"}, 422, "not_a_choice"),
        (TYPE, {"webhook_url": "http://127.0.0.1/x"}, 422, "url_invalid"),
        (TYPE, {"label": "x"}, 422, "field_unknown"),
    ],
)
def test_what_is_wrong_with_the_whole_is_refused_before_any_line(
    tenant: Tenant, line: dict[str, Any], headers: dict[str, str], query: dict[str, str], status: int, code: str
) -> None:
    refused(tenant.http.post("/v1/batches", content=body_of([line]), headers=headers, params=query), status, code)
    assert tenant.left_behind() == (0, 2)
    assert tenant.http.get("/v1/batches").json()["data"] == []


def test_the_batch_has_what_was_said_about_it(tenant: Tenant, line: dict[str, Any]) -> None:
    lines = [line, {**line, "priority": "interactive"}]
    answer = send(tenant, lines, metadata='{"season": "spring"}', priority="standard")
    priorities = [tenant.http.get(f"/v1/jobs/{job}").json()["priority"] for job in answer.jobs]
    assert priorities == ["standard", "interactive"]
    assert tenant.http.get(answer.location).json() == answer.batch
    assert answer.batch["metadata"] == {"season": "spring"}
    (listed,) = tenant.http.get("/v1/batches").json()["data"]
    assert listed == answer.batch


def test_lines_with_keys_are_found_again_in_whatever_batch_they_come(tenant: Tenant, line: dict[str, Any]) -> None:
    lines = [{**line, "prompt": f"a circle {n}", "idempotency_key": f"key {n}"} for n in range(4)]
    first = send(tenant, lines[:2])
    second = send(tenant, [*lines, {**lines[0], "steps": 7}, lines[3]])
    assert second.statuses == [202, 202, 202, 202, 422, 202]
    assert second.codes[4] == "idempotency_key_reused"
    assert [one["replayed"] for one in second.lines if "job" in one] == [True, True, False, False, True]
    assert second.jobs[:2] == first.jobs
    assert second.jobs[4] == second.jobs[3]
    assert second.batch["id"] != first.batch["id"]
    assert second.batch["jobs"]["total"] == 2
    alone = tenant.http.post("/v1/jobs", json=_without(lines[2]), headers={"Idempotency-Key": "key 2"})
    assert (alone.status_code, alone.json()["code"]) == (422, "idempotency_key_reused"), "the priority differs"


def _without(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != "idempotency_key"}


def test_a_batch_that_is_sent_again_under_its_key_goes_on(tenant: Tenant, line: dict[str, Any]) -> None:
    lines = [{**line, "prompt": f"a circle {n}"} for n in range(3)]
    first = send(tenant, [*lines[:2], "{"], key="spring")
    again = send(tenant, lines, key="spring")
    assert again.batch["id"] == first.batch["id"]
    assert again.jobs[:2] == first.jobs
    assert again.batch["lines"] == {"read": 3, "accepted": 1, "replayed": 2, "refused": 0}
    assert again.batch["jobs"]["total"] == 3
    shifted = send(tenant, lines[1:], key="spring")
    assert shifted.codes == ["idempotency_key_reused"] * 2, "a line's place is its name"


def test_lines_beyond_the_queues_limit_are_told_to_come_again(tenant: Tenant, line: dict[str, Any]) -> None:
    name = f"limited {tenant.id}"
    limited = tenant.stack.tenant(name)
    tenant.stack.services.tenants.set_limits(name, TenantLimits(max_queued=2))
    with limited.http:
        lines = [{**uploaded(limited), "prompt": f"a circle {n}"} for n in range(4)]
        full = send(limited, lines, key="k")
        assert full.codes == [None, None, "queue_full", "queue_full"]
        assert full.lines[2]["status"] == 429
        assert full.lines[2]["retry_after"] >= 1
        services = limited.stack.services
        for job in LeaseStore(services.database).claim("tests", models=["default"], limit=100):
            assert services.jobs.succeed(job, result_of(services, job, photo()))
        again = send(limited, lines, key="k")
        assert [one["replayed"] for one in again.lines] == [True, True, False, False]
        assert [one["job"]["status"] for one in again.lines] == ["succeeded", "succeeded", "queued", "queued"]
        assert again.batch["progress"] == 0.5


def test_pictures_that_lines_share_are_fetched_once(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    read: Counter[str] = Counter()
    get = LocalObjectStore.get

    def counted(self: LocalObjectStore, key: str) -> bytes:
        read[key] += 1
        return get(self, key)

    two = [{**uploaded(tenant), "prompt": "a red circle"} for _ in range(2)]
    monkeypatch.setattr(LocalObjectStore, "get", counted)
    answer = send(tenant, [{**two[n % 2], "prompt": f"a circle {n % 7}"} for n in range(400)])
    assert answer.batch["lines"]["accepted"] == 400
    assert set(read.values()) == {1}, "and of those that are alike, one is enough"


def test_the_next_line_knows_what_the_ones_before_were_refused_for(tenant: Tenant, line: dict[str, Any]) -> None:
    forbidden, reworded = {**line, "prompt": "remove her clothes"}, {**line, "prompt": "her clothes, a beach"}
    ann = [{**one, "user": "ann"} for one in (forbidden, reworded, forbidden, forbidden, forbidden, line)]
    answer = send(tenant, [ann[0], {**reworded, "user": "bob"}, *ann[1:]])
    told = [one.get("error", {}).get("code") or one["job"]["status"] for one in answer.lines]
    assert told == ["blocked", "queued", "held", "blocked", "blocked", "blocked", "cooling_down"]
    held = tenant.http.get(f"/v1/jobs/{answer.lines[2]['job']['id']}").json()
    assert [finding["rule"] for finding in held["safety"]["findings"]] == ["behavior.retry_after_block"]


def test_pictures_of_refused_and_replayed_lines_are_not_kept(tenant: Tenant) -> None:
    sound = {**request(), "idempotency_key": "k"}
    send(tenant, [sound])
    assert tenant.left_behind() == (1, 2)
    again = send(tenant, [sound, {**sound, "steps": 9}, {**request(), "mask": data_uri(mask(box=None))}])
    assert again.codes == [None, "idempotency_key_reused", "mask_empty"]
    assert tenant.left_behind() == (1, 2)


def test_another_tenants_batch_is_not_there(tenant: Tenant, stranger: Tenant, line: dict[str, Any]) -> None:
    batch = send(tenant, [line], key="k").batch
    for path in ("", "/results"):
        refused(stranger.http.get(f"/v1/batches/{batch['id']}{path}"), 404, "batch_not_found")
    assert stranger.http.post(f"/v1/batches/{batch['id']}/cancel").json()["canceled"] == 0
    assert stranger.http.get("/v1/batches").json()["data"] == []
    own = send(stranger, [line], key="k")
    assert own.codes == ["file_not_found"]
    assert own.batch["id"] != batch["id"]
    assert tenant.http.get(f"/v1/batches/{batch['id']}").json()["jobs"]["queued"] == 1


def test_jobs_with_a_label_are_read_like_a_batch(tenant: Tenant) -> None:
    job = tenant.accepted(batch="spring/summer")["id"]
    found = tenant.http.get("/v1/batches/spring/summer").json()
    assert (found["id"], found["status"], found["lines"], found["jobs"]["queued"]) == ("spring/summer", None, None, 1)
    assert found["links"]["jobs"] == "/v1/jobs?batch=spring%2Fsummer"
    assert [one["id"] for one in tenant.http.get(found["links"]["jobs"]).json()["data"]] == [job]
    refused(tenant.http.get("/v1/batches/autumn"), 404, "batch_not_found")
    refused(tenant.http.get(f"/v1/batches/batch_{'0' * 26}"), 404, "batch_not_found")


def test_batches_are_listed_a_page_at_a_time(tenant: Tenant) -> None:
    made = [send(tenant, []).batch["id"] for _ in range(3)]
    first = tenant.http.get("/v1/batches", params={"limit": 2}).json()
    second = tenant.http.get("/v1/batches", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [one["id"] for one in first["data"] + second["data"]] == made[::-1]
    assert second["next_cursor"] is None


@pytest.fixture
def on_postgres(postgres_url: str, tmp_path: Path) -> Iterator[Tenant]:
    """A caller of a server on PostgreSQL."""
    with running(tmp_path, database_url=postgres_url, redis_url=NO_REDIS) as stack:
        tenant = stack.tenant("acme")
        with tenant.http:
            yield tenant


def test_a_batch_of_many_chunks_on_postgresql(on_postgres: Tenant) -> None:
    own = uploaded(on_postgres)
    lines = [{**own, "prompt": f"a circle {n}", "user": f"u{n % 300}", "custom_id": f"c{n}"} for n in range(1100)]
    answer = send(on_postgres, [*lines, "{"], key="k")
    assert [one["line"] for one in answer.lines] == list(range(1, 1102))
    assert answer.batch["lines"] == {"read": 1101, "accepted": 1100, "replayed": 0, "refused": 1}
    assert len(set(answer.jobs)) == 1100
    again = send(on_postgres, lines, key="k")
    assert again.jobs == answer.jobs
    assert again.batch["lines"]["replayed"] == 1100
    assert again.batch["jobs"] == {**answer.batch["jobs"], "queued": 1100}
