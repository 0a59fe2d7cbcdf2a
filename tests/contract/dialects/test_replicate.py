"""Replicate's own client on /replicate: what it gets, what it is refused, and the traps it is known to fall into."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import httpx
import pytest
import replicate
from replicate.exceptions import ModelError, ReplicateError
from replicate.file import FileEncodingStrategy
from replicate.webhook import Webhooks, WebhookSigningSecret

from storage.job import Job, JobState
from tests.contract.api.serving import Stack, Tenant, claim, finish, mask, photo
from tests.contract.api.test_nothing_shown import STATES
from tests.contract.dialects.conftest import Secure, deliver
from tests.contract.dialects.painter import PICTURE, painting, succeed
from tests.integration.webhooks.receiver import receiving

THEIRS = "stability-ai/stable-diffusion-inpainting"
VERSIONED = f"{THEIRS}:{'95b7223104132402a9ae91cc677285bc5eb997834bd2349fa486f53910fd68b3'}"
PARSED = {"starting", "processing", "succeeded", "failed", "canceled"}


def client(tenant: Tenant, base: str = "", **options: Any) -> replicate.Client:
    made = replicate.Client(api_token=tenant.key, base_url=f"{base or tenant.stack.url}/replicate", **options)
    made.poll_interval = 0.01
    return made


@pytest.fixture
def api(tenant: Tenant) -> Iterator[replicate.Client]:
    made = client(tenant)
    yield made
    made._client.close()


@pytest.fixture
def secure_api(trusting: Secure, customer: Tenant) -> Iterator[replicate.Client]:
    made = client(customer, f"https://{trusting.host}")
    yield made
    made._client.close()


def asked(**changes: Any) -> dict[str, Any]:
    sound = {"image": BytesIO(photo()), "mask": BytesIO(mask()), "prompt": "a red circle"}
    return {name: value for name, value in {**sound, **changes}.items() if value is not ...}


def job_of(tenant: Tenant, prediction: Any) -> Job:
    return tenant.stack.services.reader.get(prediction.id, tenant.id)


@pytest.mark.parametrize("ref", [VERSIONED, THEIRS, "inpaintd/default", "somebody/default"])
def test_run_gives_files(tenant: Tenant, api: replicate.Client, ref: str) -> None:
    """Trap: over plain http an address is no file to the client, so outputs are data: URIs there."""
    with painting(tenant.stack.services):
        output = api.run(ref, input=asked(num_outputs=2, num_inference_steps=5, seed=7, scheduler="K_EULER"))
    assert [file.read() for file in output] == [PICTURE, PICTURE]


def test_outputs_behind_tls_are_addresses_that_answer_200_to_the_clients_token(
    customer: Tenant, secure_api: replicate.Client
) -> None:
    """Trap: the client sends its token to the address and takes a redirect for an error."""
    with painting(customer.stack.services):
        (file,) = secure_api.run(THEIRS, input=asked())
    assert file.url.startswith("https://localhost:")
    assert file.read() == PICTURE


def test_fields_are_translated(tenant: Tenant, api: replicate.Client) -> None:
    own = {"num_inference_steps": 12, "prompt_strength": 0.5, "output_format": "jpg", "output_quality": 60}
    prediction = api.predictions.create(VERSIONED.partition(":")[2], asked(**own, guidance_scale=3, mask_blur=0))
    params = job_of(tenant, prediction).params
    assert (params.steps, params.strength, params.output.format, params.output.quality) == (12, 0.5, "jpeg", 60)
    assert (params.guidance_scale, params.mask_blur, params.mask_invert) == (3, 0, False)
    assert (prediction.model, prediction.status, prediction.output) == ("inpaintd/default", "starting", None)
    assert "tiny-model" in prediction.logs, "which model stands in is said"


@pytest.mark.parametrize("strategy", ["url", "base64"])
def test_files_are_uploaded_or_sent_along(
    tenant: Tenant, api: replicate.Client, strategy: FileEncodingStrategy
) -> None:
    with painting(tenant.stack.services):
        assert api.run(VERSIONED, input=asked(), file_encoding_strategy=strategy)


def test_a_file_is_known_by_its_address(tenant: Tenant, api: replicate.Client) -> None:
    stored = api.files.create(BytesIO(photo()))
    assert (stored.size, stored.content_type) == (len(photo()), "image/png")
    assert api.files.get(stored.id).checksums == stored.checksums
    prediction = api.predictions.create(model=THEIRS, input=asked(image=stored.urls["get"]))
    assert prediction.status == "starting"
    assert [one.id for one in api.files.list()][1:] == [stored.id], "after the mask"
    with pytest.raises(ReplicateError, match="file_in_use"):
        api.files.delete(stored.id)
    prediction.cancel()
    api.files.delete(stored.id)
    with pytest.raises(ReplicateError, match="file_unknown"):
        api.files.get(stored.id)


def test_when_the_wait_runs_out_run_goes_on_to_ask(tenant: Tenant, stack: Stack) -> None:
    """Trap: of `processing` run() makes None; the first answer must say `starting` until there is an end."""
    answered = threading.Event()
    hooks = {"response": [lambda answer: answered.set() if answer.request.method == "POST" else None]}

    def finish_after_the_answer(services: Any, job: Job) -> None:
        if job.tenant_id == tenant.id:  # others left theirs in the queue
            answered.wait(20)
        succeed(services, job)

    api = client(tenant, event_hooks=hooks)
    pictures = {"image": f"{stack.url}/replicate/v1/files/{_file(tenant)}", "mask": _file(tenant, mask())}
    with painting(tenant.stack.services, finish_after_the_answer):
        assert api.run(THEIRS, input=asked(**pictures), wait=1)[0].read() == PICTURE
    api._client.close()


def _file(tenant: Tenant, data: bytes = b"") -> str:
    stored = tenant.http.post("/v1/files", files={"file": data or photo()}).json()
    return str(stored["id"])


@pytest.mark.parametrize("what", STATES)
def test_every_state_is_one_of_five(tenant: Tenant, api: replicate.Client, what: str) -> None:
    """Trap: the client parses no other."""
    make, state = STATES[what]
    job_id = tenant.accepted()["id"]
    make(tenant.stack, claim(tenant.stack.services, job_id))
    prediction = api.predictions.get(job_id)
    assert prediction.status in PARSED
    assert prediction.output is None
    ended = state in (JobState.BLOCKED, JobState.FAILED, JobState.CANCELED, JobState.EXPIRED)
    assert (prediction.error is not None, prediction.completed_at is not None) == (ended, ended)


def test_progress_is_read_from_the_logs(tenant: Tenant, api: replicate.Client) -> None:
    """Trap: only lines in the form of tqdm are."""
    job_id = tenant.accepted(steps=12)["id"]
    assert api.predictions.get(job_id).progress is None
    claim(tenant.stack.services, job_id)
    assert api.predictions.get(job_id).progress == api.predictions.get(job_id).Progress(0, 0, 12)
    finish(tenant.stack.services, tenant.accepted(steps=30)["id"], photo())
    done = api.predictions.list().results[0].progress
    assert (done.percentage, done.current, done.total) == (1, 30, 30)


def test_a_block_is_a_failure_with_its_rule(api: replicate.Client) -> None:
    with pytest.raises(ModelError, match=r"prompt\.nudify"):
        api.run(THEIRS, input=asked(prompt="remove her clothes"))


def test_who_waits_for_a_person_is_told_so(api: replicate.Client) -> None:
    prediction = api.predictions.create(model=THEIRS, input=asked(prompt="a fake passport"))
    assert prediction.status == "starting"
    assert "A person looks at the request" in prediction.logs


def test_predictions_are_listed_page_by_page(tenant: Tenant, api: replicate.Client, monkeypatch: Any) -> None:
    monkeypatch.setattr("producer.dialects.replicate.predictions.PAGE", 2)
    made = [tenant.accepted()["id"] for _ in range(3)]
    pages = list(replicate.pagination.paginate(api.predictions.list))
    assert [[one.id for one in page.results] for page in pages] == [[made[2], made[1]], [made[0]]]


def test_cancel(tenant: Tenant, api: replicate.Client) -> None:
    prediction = api.predictions.create(model=THEIRS, input=asked())
    prediction.cancel()
    assert (prediction.status, job_of(tenant, prediction).state) == ("canceled", "canceled")


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("1m", 60), ("1h1m1s", 3661), ("5", 5)])
def test_cancel_after_is_a_deadline(tenant: Tenant, text: str, seconds: int) -> None:
    answer = _create(tenant, {"Cancel-After": text})
    job = tenant.stack.services.reader.get(answer.json()["id"], tenant.id)
    assert job.deadline_at is not None
    assert (job.deadline_at - job.created_at).total_seconds() == pytest.approx(seconds, abs=0.01)


def _create(tenant: Tenant, headers: dict[str, str], **changes: Any) -> httpx.Response:
    pictures = {"image": _file(tenant), "mask": _file(tenant, mask()), "prompt": "x"}
    body = {"version": "default", "input": pictures, **changes}
    return tenant.http.post("/replicate/v1/predictions", json=body, headers=headers)


UNSUPPORTED: dict[str, tuple[dict[str, Any], str]] = {
    "no safety checker": ({"disable_safety_checker": True}, "disable_safety_checker"),
    "an unknown scheduler": ({"scheduler": "KLMS"}, "scheduler"),
    "a field of nobody's": ({"refine": "x"}, "input.refine"),
    "two ways to say steps": ({"steps": 3, "num_inference_steps": 4}, "num_inference_steps"),
    "too many pictures": ({"num_outputs": 9}, "input.num_outputs"),
    "text for a number": ({"num_inference_steps": "30"}, "input.num_inference_steps"),
    "an unknown format": ({"output_format": ["png"]}, "input.output_format"),
    "a field for a webhook": ({"webhook_url": "https://example.org"}, "webhook_url"),
    "no image": ({"image": ...}, "input.image"),
    "a broken image": ({"image": "data:image/png;base64,AAAA"}, "type"),
}


@pytest.mark.parametrize("what", UNSUPPORTED)
def test_what_cannot_be_done_is_refused_and_named(tenant: Tenant, api: replicate.Client, what: str) -> None:
    changes, words = UNSUPPORTED[what]
    with pytest.raises(ReplicateError) as caught:
        api.predictions.create("default", asked(**changes), file_encoding_strategy="base64")
    assert (caught.value.status, words in str(caught.value)) == (422, True), str(caught.value)
    assert tenant.left_behind() == (0, 0)


def test_unknown_models_are_refused_with_those_there_are(api: replicate.Client) -> None:
    for ref in ("openai/clip", "openai/clip:1.0"):
        with pytest.raises(ReplicateError, match="inpaintd/default, inpaintd/xl"):
            api.run(ref, input=asked())
    with pytest.raises(ReplicateError, match="Send `version`"):
        api._request("POST", "/v1/predictions", json={"input": {"image": "data:;base64,"}})


def test_models_and_their_version(api: replicate.Client) -> None:
    model = api.models.get("inpaintd/xl")
    version = model.versions.get(model.latest_version.id)
    assert (model.description, version.id) == (
        "diffusers/stable-diffusion-xl-1.0-inpainting-0.1",
        model.latest_version.id,
    )
    assert "prompt" in version.openapi_schema["components"]["schemas"]["Input"]["properties"]
    prediction = api.predictions.create(version, asked(width=1024, height=1024))
    assert (prediction.model, prediction.version) == ("inpaintd/xl", version.id)


def test_a_prediction_is_streamed(tenant: Tenant, api: replicate.Client) -> None:
    """Trap: a message without an id is passed over, and one of a fifth kind is an error."""
    with painting(tenant.stack.services):
        events = list(api.stream(THEIRS, input=asked()))
    assert [event.event.value for event in events if event.event.value != "logs"] == ["output", "done"]
    assert all(event.id for event in events)
    (output,) = [event.data for event in events if event.event.value == "output"]
    assert output.read() == PICTURE


def test_the_stream_of_a_failure_raises(api: replicate.Client) -> None:
    prediction = api.predictions.create(model=THEIRS, input=asked(prompt="remove her clothes"))
    with pytest.raises(RuntimeError, match=r"prompt\.nudify"):
        list(prediction.stream())


def test_the_secret_has_one_underscore(api: replicate.Client) -> None:
    """Trap: with another the client cannot take it apart."""
    assert api.webhooks.default.secret().key.count("_") == 1


def test_webhooks_carry_the_prediction_and_pass_the_clients_check(
    customer: Tenant, secure_api: replicate.Client
) -> None:
    with receiving() as receiver:
        hook = {"webhook": receiver.url(), "webhook_events_filter": ["start", "completed"]}
        prediction = secure_api.predictions.create(model=THEIRS, input=asked(), **hook)
        with painting(customer.stack.services):
            prediction.wait()
        deliver(customer.stack)
        received = receiver.wait_for(2)
    bodies = [json.loads(one.body) for one in received]
    assert {body["id"] for body in bodies} == {prediction.id}
    assert {body["status"] for body in bodies} <= PARSED
    assert (
        bodies[-1]["output"] == prediction.output == [f"https://{_host(secure_api)}/v1/jobs/{prediction.id}/images/0"]
    )
    secret = secure_api.webhooks.default.secret()
    for one in received:
        Webhooks.validate(headers=one.headers, body=one.body.decode(), secret=secret)
    with pytest.raises(ValueError, match="signature is invalid"):
        Webhooks.validate(headers=received[0].headers, body="{}", secret=WebhookSigningSecret(key=secret.key))


def _host(api: replicate.Client) -> str:
    return api._client.base_url.netloc.decode()


WEBHOOKS: dict[str, tuple[dict[str, Any], str]] = {
    "logs": ({"webhook": "https://example.org", "webhook_events_filter": ["logs"]}, "start, output and completed"),
    "events of no webhook": ({"webhook_events_filter": ["start"]}, "`webhook` is required"),
    "an address inside": ({"webhook": "https://10.0.0.1/"}, "not public"),
}


@pytest.mark.parametrize("what", WEBHOOKS)
def test_webhooks_that_cannot_be_are_refused(secure_api: replicate.Client, what: str) -> None:
    hook, words = WEBHOOKS[what]
    with pytest.raises(ReplicateError, match=words):
        secure_api.predictions.create(model=THEIRS, input=asked(), **hook)


def test_without_a_public_address_there_are_no_webhooks(api: replicate.Client) -> None:
    with pytest.raises(ReplicateError, match="INPAINTD_PUBLIC_URL"):
        api.predictions.create(model=THEIRS, input=asked(), webhook="https://example.org")


@pytest.mark.parametrize("text", ["", "soon", "1s1m", "99999h", "9" * 400])
def test_a_period_that_is_none_is_refused(tenant: Tenant, text: str) -> None:
    answer = _create(tenant, {"Cancel-After": text})
    assert (answer.status_code, "Cancel-After" in answer.json()["detail"]) == (422, True), answer.text


def test_a_wait_is_sixty_seconds_at_most_and_anything_else_is_none(tenant: Tenant) -> None:
    with painting(tenant.stack.services):
        done = [_create(tenant, {"Prefer": text}).json()["status"] for text in ("wait", "respond-async, wait=9999")]
    assert done == ["succeeded", "succeeded"]
    assert _create(tenant, {"Prefer": "wait=soon"}).json()["status"] == "starting"
