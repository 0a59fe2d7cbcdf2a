"""/v1/webhooks as its callers see it; tests/integration/webhooks shows that deliveries arrive."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from storage.webhook import DEFAULT_EVENTS
from tests.contract.api.serving import Tenant, finish, photo
from tests.contract.api.test_bad_input import refused

URL = "https://hooks.example/in"
NOBODYS = f"whk_{'0' * 26}"


def created(tenant: Tenant, **fields: Any) -> dict[str, Any]:
    answer = tenant.http.post("/v1/webhooks", json={"url": URL, **fields})
    assert answer.status_code == 201, answer.text
    webhook: dict[str, Any] = answer.json()
    return webhook


def succeeded(tenant: Tenant, **fields: Any) -> str:
    job_id: str = tenant.accepted(**fields)["id"]
    finish(tenant.stack.services, job_id, photo())
    return job_id


def deliveries(tenant: Tenant, webhook_id: str, **query: Any) -> list[dict[str, Any]]:
    answer = tenant.http.get(f"/v1/webhooks/{webhook_id}/deliveries", params=query)
    assert answer.status_code == 200, answer.text
    page: list[dict[str, Any]] = answer.json()["data"]
    return page


def test_a_webhook_is_created_read_changed_and_deleted(tenant: Tenant) -> None:
    made = created(tenant)
    assert made["secret"].startswith("whsec_")
    assert made["events"] == sorted(DEFAULT_EVENTS)
    path = f"/v1/webhooks/{made['id']}"
    shown = tenant.http.get(path).json()
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    assert tenant.http.get("/v1/webhooks").json()["data"] == [shown]
    changed = tenant.http.patch(path, json={"events": ["job.failed"], "disabled": True}).json()
    assert (changed["url"], changed["events"], changed["disabled"]) == (URL, ["job.failed"], True)
    assert tenant.http.delete(path).status_code == 204
    refused(tenant.http.get(path), 404, "webhook_not_found")
    assert tenant.http.get("/v1/webhooks").json()["data"] == []


def test_a_finished_job_shows_among_the_deliveries(tenant: Tenant) -> None:
    webhook = created(tenant)["id"]
    jobs = [succeeded(tenant), succeeded(tenant)]
    shown = deliveries(tenant, webhook)
    assert [(one["job"], one["type"], one["status"]) for one in shown] == [
        (job, "job.succeeded", "pending") for job in reversed(jobs)
    ]
    assert [one["job"] for one in deliveries(tenant, webhook, job=jobs[0])] == [jobs[0]]
    assert deliveries(tenant, webhook, status="failed") == []
    first = tenant.http.get(f"/v1/webhooks/{webhook}/deliveries", params={"limit": 1}).json()
    assert deliveries(tenant, webhook, cursor=first["next_cursor"]) == shown[1:]
    detail = tenant.http.get(f"/v1/webhooks/{webhook}/deliveries/{shown[0]['id']}").json()
    assert detail == {**shown[0], "log": []}


def test_a_job_names_a_webhook_of_its_own(tenant: Tenant) -> None:
    told = succeeded(tenant, webhook_url=URL, webhook_events=["job.succeeded", "job.started"])
    untold = succeeded(tenant)
    assert {(one["job"], one["type"]) for one in deliveries(tenant, "default")} == {
        (told, "job.started"),
        (told, "job.succeeded"),
    }
    assert untold not in {one["job"] for one in deliveries(tenant, "default")}
    (secret,) = tenant.http.get("/v1/webhooks/default/secret").json()["data"]
    assert secret["secret"].startswith("whsec_")
    assert tenant.http.get("/v1/webhooks").json()["data"] == []


def test_a_form_names_one_too(tenant: Tenant) -> None:
    fields = {"prompt": "a red circle", "webhook_url": URL, "webhook_events": '["job.succeeded"]'}
    picture = photo(mode="RGBA")
    answer = tenant.http.post(
        "/v1/jobs", data={**fields, "mask_channel": "luma"}, files={"image": picture, "mask": picture}
    )
    assert answer.status_code == 202, answer.text
    finish(tenant.stack.services, answer.json()["id"], photo())
    assert [one["type"] for one in deliveries(tenant, "default")] == ["job.succeeded"]


def test_secrets_are_turned(tenant: Tenant) -> None:
    made = created(tenant)
    turned = tenant.http.post(f"/v1/webhooks/{made['id']}/rotate", json={"keep_seconds": 60}).json()["data"]
    assert [one["secret"] for one in turned][1:] == [made["secret"]]
    assert turned[0]["expires_at"] is None
    assert turned[1]["expires_at"] is not None
    assert tenant.http.get(f"/v1/webhooks/{made['id']}/secret").json()["data"] == turned
    assert len(tenant.http.post("/v1/webhooks/default/rotate").json()["data"]) == 2


def test_replay_of_one_and_of_a_time(tenant: Tenant) -> None:
    webhook = created(tenant)["id"]
    succeeded(tenant)
    (delivery,) = deliveries(tenant, webhook)
    path = f"/v1/webhooks/{webhook}/replay"
    assert tenant.http.post(path, json={"delivery": delivery["id"]}).json() == {"replayed": 1}
    tenant.http.patch(f"/v1/webhooks/{webhook}", json={"disabled": True})
    refused(tenant.http.post(path, json={"delivery": delivery["id"]}), 409, "webhook_disabled")
    refused(tenant.http.post(path, json={"since": "2020-01-01T00:00:00Z"}), 409, "webhook_disabled")
    tenant.http.patch(f"/v1/webhooks/{webhook}", json={"disabled": False})
    assert deliveries(tenant, webhook)[0]["status"] == "failed"
    assert tenant.http.post(path, json={"since": "2020-01-01T00:00:00Z"}).json() == {"replayed": 1}
    assert deliveries(tenant, webhook)[0]["status"] == "pending"
    for body in (
        {},
        {"delivery": delivery["id"], "since": "2020-01-01T00:00:00Z"},
        {"since": "9999-12-31T23:59:59-01:00"},
    ):
        refused(tenant.http.post(path, json=body), 422, "wrong_format")
    refused(tenant.http.post(path, json={"delivery": f"dlv_{'0' * 26}_{'0' * 26}"}), 404, "delivery_not_found")


def test_a_test_waits_to_be_sent(tenant: Tenant) -> None:
    webhook = created(tenant)["id"]
    answer = tenant.http.post(f"/v1/webhooks/{webhook}/test")
    assert answer.status_code == 202
    assert deliveries(tenant, webhook) == [answer.json()]
    assert (answer.json()["type"], answer.json()["job"]) == ("webhook.test", None)


def test_a_strangers_webhook_is_not_there(tenant: Tenant, stranger: Tenant) -> None:
    webhook = created(tenant)["id"]
    succeeded(tenant)
    (delivery,) = deliveries(tenant, webhook)
    path = f"/v1/webhooks/{webhook}"
    http = stranger.http
    asked: list[httpx.Response] = [
        http.get(path),
        http.patch(path, json={"disabled": True}),
        http.delete(path),
        http.get(f"{path}/secret"),
        http.post(f"{path}/rotate"),
        http.get(f"{path}/deliveries"),
        http.post(f"{path}/test"),
        http.post(f"{path}/replay", json={"since": "2020-01-01T00:00:00Z"}),
    ]
    for answer in asked:
        refused(answer, 404, "webhook_not_found")
    for scope in (webhook, "default"):
        refused(http.get(f"/v1/webhooks/{scope}/deliveries/{delivery['id']}"), 404, "delivery_not_found")
        replay = {"delivery": delivery["id"]}
        refused(http.post(f"/v1/webhooks/{scope}/replay", json=replay), 404, "delivery_not_found")
    assert tenant.http.get(path).json()["disabled"] is False


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"url": "http://hooks.example/"}, "url", "url_invalid"),
        ({"url": "https://127.0.0.1/"}, "url", "url_invalid"),
        ({"url": "https://u:p@hooks.example/"}, "url", "url_invalid"),
        ({"url": "https://h\u00f6oks.example/"}, "url", "url_invalid"),
        ({"url": 7}, "url", "wrong_type"),
        ({"events": ["job.done"]}, "events.0", "not_a_choice"),
        ({"events": []}, "events", "wrong_length"),
        ({"colour": "red"}, "colour", "field_unknown"),
    ],
)
def test_a_bad_field(tenant: Tenant, fields: dict[str, Any], field: str, code: str) -> None:
    refused(tenant.http.post("/v1/webhooks", json={"url": URL, **fields}), 422, code, field)
    assert tenant.http.get("/v1/webhooks").json()["data"] == []


@pytest.mark.parametrize("webhook_id", [NOBODYS, "default", "whk_", "a\0b", "whk_%00"])
def test_what_is_no_webhook(tenant: Tenant, webhook_id: str) -> None:
    path = httpx.URL(tenant.stack.url, raw_path=f"/v1/webhooks/{webhook_id}".replace("\0", "%00").encode())
    refused(tenant.http.get(path), 404, "webhook_not_found")


def test_bodies_that_are_no_json(tenant: Tenant) -> None:
    headers = {"content-type": "application/json"}
    for body in (b"{", b"[]", b"7"):
        refused(tenant.http.post("/v1/webhooks", content=body, headers=headers), 400, "json_invalid")
    form = {"content-type": "application/x-www-form-urlencoded"}
    refused(tenant.http.post("/v1/webhooks", content=b"url=x", headers=form), 415, "media_type_unsupported")
