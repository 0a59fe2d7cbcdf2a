"""fal's own client on /fal, through TLS: what it gets, what it is refused, and the traps it is known to fall into."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.request import urlopen

import fal_client
import fal_client.client
import pytest

from storage.job import Job, JobState
from tests.contract.api.serving import Tenant, claim, mask, photo
from tests.contract.api.test_nothing_shown import STATES
from tests.contract.api.test_picture_urls import picture
from tests.contract.dialects.conftest import Secure, deliver
from tests.contract.dialects.painter import PICTURE, painting
from tests.integration.webhooks.receiver import receiving

APP = "fal-ai/inpaint"
FAST = 0.01
OPTIONS = ("priority", "headers", "start_timeout", "webhook_url", "path", "hint")
SOUND = {
    "image_url": fal_client.encode(photo(), "image/png"),
    "mask_url": fal_client.encode(mask(), "image/png"),
    "prompt": "a red circle",
}


@pytest.fixture
def fal(trusting: Secure, customer: Tenant, monkeypatch: pytest.MonkeyPatch) -> Iterator[fal_client.SyncClient]:
    """Trap: the client speaks TLS only, and reads FAL_QUEUE_RUN_HOST once, when it is imported."""
    monkeypatch.setattr(fal_client.client, "QUEUE_URL_FORMAT", f"https://{trusting.host}/fal/")
    made = fal_client.SyncClient(key=customer.key)
    yield made
    made._client.close()


def submit(fal: fal_client.SyncClient, app: str = APP, **changes: Any) -> Any:
    options = {
        name: changes.pop(name)
        for name in ("priority", "headers", "start_timeout", "webhook_url", "path", "hint")
        if name in changes
    }
    arguments = {name: value for name, value in {**SOUND, **changes}.items() if value is not ...}
    return fal.submit(app, arguments, **options)


def job_of(tenant: Tenant, handle: Any) -> Job:
    return tenant.stack.services.reader.get(handle.request_id, tenant.id)


@pytest.mark.parametrize("app", [APP, "fal-ai/fast-sdxl/inpainting", "inpaintd/default"])
def test_subscribe_gives_pictures_that_need_no_key(customer: Tenant, fal: fal_client.SyncClient, app: str) -> None:
    seen: list[Any] = []
    with painting(customer.stack.services):
        result = fal.subscribe(
            app, {**SOUND, "num_images": 2, "seed": 7}, with_logs=True, interval=FAST, on_queue_update=seen.append
        )
    assert isinstance(seen[-1], fal_client.Completed)
    assert (result["seed"], result["has_nsfw_concepts"]) == (7, [False, False])
    for image in result["images"]:
        assert (image["width"], image["height"], image["content_type"]) == (96, 64, "image/png")
        with urlopen(image["url"]) as file:
            assert file.read() == PICTURE


def test_fields_and_headers_are_translated(customer: Tenant, fal: fal_client.SyncClient) -> None:
    own = {"num_inference_steps": 12, "strength": 0.5, "output_format": "jpeg", "enable_safety_checker": True}
    job = job_of(
        customer, submit(fal, **own, priority="low", start_timeout=90, path="/inpainting", app="fal-ai/fast-sdxl")
    )
    assert (job.params.steps, job.params.strength, job.params.output.format) == (12, 0.5, "jpeg")
    assert (job.priority, job.params.mask_invert) == ("bulk", False)
    assert job.deadline_at is not None
    assert (job.deadline_at - job.created_at).total_seconds() == pytest.approx(90, abs=0.01)
    assert job_of(customer, submit(fal, priority="normal", hint="warm")).priority == "standard"


@pytest.mark.parametrize("what", [*STATES, "a job that waits"])
def test_every_state_is_one_of_three_and_has_logs(customer: Tenant, fal: fal_client.SyncClient, what: str) -> None:
    """Traps: without the key `logs`, and at a fourth status, the client raises."""
    job_id = customer.accepted()["id"]
    if what in STATES:
        STATES[what][0](customer.stack, claim(customer.stack.services, job_id))
    status: Any = fal.status(APP, job_id, with_logs=True)
    assert isinstance(status, fal_client.Queued | fal_client.InProgress | fal_client.Completed)
    ended = customer.stack.services.reader.get(job_id, customer.id).is_terminal
    assert isinstance(status, fal_client.Completed) == ended
    if ended:
        assert "tiny-model" in status.logs[0]["message"]
        assert status.error.endswith(".")


FAILURES = {
    JobState.BLOCKED: (422, "content_policy_violation"),
    JobState.FAILED: (500, "mark_failed"),
    JobState.CANCELED: (400, "canceled"),
    JobState.EXPIRED: (504, "request_timeout"),
}


@pytest.mark.parametrize("what", [what for what, (_, state) in STATES.items() if state in FAILURES])
def test_a_failure_is_completed_and_an_error_at_its_result(
    customer: Tenant, fal: fal_client.SyncClient, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Traps: of failures the status says COMPLETED; and 408, 409 and 429 are asked for ten times."""
    monkeypatch.setattr(fal_client.client, "MAX_ATTEMPTS", 1)
    make, state = STATES[what]
    job_id = customer.accepted()["id"]
    make(customer.stack, claim(customer.stack.services, job_id))
    assert fal.status(APP, job_id).error_type == FAILURES[state][1]  # type: ignore[attr-defined]
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        fal.result(APP, job_id)
    assert (caught.value.status_code, caught.value.error_type) == FAILURES[state]
    assert not fal_client.client._should_retry_response(caught.value.response)


def test_a_result_that_is_not_there_yet(customer: Tenant, fal: fal_client.SyncClient) -> None:
    handle = submit(fal)
    answer = customer.http.get(f"/fal/{APP}/requests/{handle.request_id}")
    assert (answer.status_code, answer.json()["error_type"]) == (400, "still_in_progress")
    held = submit(fal, prompt="a fake passport")
    assert isinstance(held.status(), fal_client.Queued)
    answer = customer.http.get(f"/fal/{APP}/requests/{held.request_id}")
    assert "A person looks at" in answer.json()["detail"]


def test_cancel_once(customer: Tenant, fal: fal_client.SyncClient) -> None:
    handle = submit(fal)
    handle.cancel()
    assert job_of(customer, handle).state == "canceled"
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        handle.cancel()
    assert (caught.value.status_code, caught.value.response.json()["status"]) == (400, "ALREADY_COMPLETED")


def test_pictures_are_fetched_by_url(customer: Tenant, fal: fal_client.SyncClient) -> None:
    with receiving() as host:
        host.answers = [picture(photo()), picture(mask())]
        job = job_of(customer, submit(fal, image_url=host.url(path="/image"), mask_url=host.url(path="/mask")))
        with pytest.raises(fal_client.FalClientHTTPError, match="image_url"):
            submit(fal, image_url=host.url("10.0.0.1"))
    assert customer.stack.services.objects.get(job.image_key) == photo()


UNSUPPORTED: dict[str, tuple[dict[str, Any], str, str]] = {
    "no safety checker": ({"enable_safety_checker": False}, "not_supported", "enable_safety_checker"),
    "pictures at once": ({"sync_mode": True}, "not_supported", "sync_mode"),
    "another size": ({"image_size": "square"}, "not_supported", "image_size"),
    "a model in the body": ({"model": "x"}, "not_supported", "model"),
    "a field of nobody's": ({"loras": []}, "field_unknown", "loras"),
    "too many pictures": ({"num_images": 9}, "out_of_range", "num_images"),
    "too many steps": ({"num_inference_steps": 151}, "out_of_range", "num_inference_steps"),
    "an unknown format": ({"output_format": "gif"}, "not_a_choice", "output_format"),
    "no image": ({"image_url": ...}, "field_missing", "image_url"),
    "no mask": ({"mask_url": ...}, "mask_missing", "mask"),
    "an image that is a number": ({"image_url": 5}, "wrong_type", "image_url"),
    "no retries": ({"headers": {"x-fal-no-retry": "1"}}, "not_supported", "x-fal-no-retry"),
    "a lifecycle": ({"headers": {"X-Fal-Store-IO": "0"}}, "not_supported", "x-fal-store-io"),
    "a third priority": ({"headers": {"X-Fal-Queue-Priority": "high"}}, "not_a_choice", "normal or low"),
    "a time that is none": ({"headers": {"X-Fal-Request-Timeout": "soon"}}, "wrong_type", "seconds"),
    "no end of time": ({"headers": {"X-Fal-Request-Timeout": "inf"}}, "out_of_range", "x-fal-request-timeout"),
    "an unknown application": ({"app": "fal-ai/flux"}, "model_unknown", "inpaintd/default"),
    "a webhook inside": ({"webhook_url": "https://10.0.0.1/"}, "url_invalid", "not public"),
}


@pytest.mark.parametrize("what", UNSUPPORTED)
def test_what_cannot_be_done_is_refused_and_named(customer: Tenant, fal: fal_client.SyncClient, what: str) -> None:
    changes, code, words = UNSUPPORTED[what]
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        submit(fal, **changes)
    assert (caught.value.status_code, caught.value.error_type) == (422, code)
    assert words in str(caught.value), str(caught.value)
    assert customer.left_behind() == (0, 0)


def test_webhooks_carry_the_result_in_its_shape(customer: Tenant, fal: fal_client.SyncClient) -> None:
    with receiving() as receiver:
        done = submit(fal, webhook_url=receiver.url())
        blocked = submit(fal, webhook_url=receiver.url(), prompt="remove her clothes")
        with painting(customer.stack.services):
            done.get(interval=FAST)
        deliver(customer.stack)
        bodies = {body["request_id"]: body for body in map(json.loads, (one.body for one in receiver.wait_for(2)))}
    assert bodies[done.request_id]["status"] == "OK"
    (image,) = bodies[done.request_id]["payload"]["images"]
    assert customer.http.get(image["url"].partition("/v1/")[2].join(["/v1/", ""])).content == PICTURE
    assert bodies[blocked.request_id]["status"] == "ERROR"
    assert "prompt.nudify" in bodies[blocked.request_id]["error"]


def test_without_a_public_address_there_are_no_webhooks(tenant: Tenant) -> None:
    answer = tenant.http.post(f"/fal/{APP}?fal_webhook=https://example.org", json=SOUND)
    assert (answer.status_code, answer.json()["error_type"]) == (422, "not_supported")
