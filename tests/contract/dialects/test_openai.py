"""OpenAI's own client on /openai/v1: what it gets, what it is refused, and the traps it is known to fall into."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from redis import Redis

from producer.dialects.openai.stream import EditWording
from storage.job import Job, JobError
from storage.job_reader import JobFilter
from storage.live import Live, channel_of, to_message
from storage.review_store import ReviewStore
from tests.contract.api.serving import Tenant, claim, mask, photo
from tests.contract.dialects.painter import PICTURE, painting, succeed
from tests.contract.dialects.pictures import transparent_in

JPEG = "data:image/jpeg;base64,/9j/4AAQ"


def client(tenant: Tenant, **options: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{tenant.stack.url}/openai/v1", api_key=tenant.key, **options)


@pytest.fixture
def openai_client(tenant: Tenant) -> Iterator[openai.OpenAI]:
    with client(tenant) as made:
        yield made


def edit(made: openai.OpenAI, **changes: Any) -> Any:
    sound = {"image": photo(), "mask": transparent_in(), "prompt": "a red circle"}
    return made.images.edit(**{**sound, **changes})


def jobs_of(tenant: Tenant) -> tuple[Job, ...]:
    return tenant.stack.services.reader.page(tenant.id, JobFilter()).jobs


def test_an_edit_comes_back_as_pictures_and_is_an_ordinary_job(tenant: Tenant, openai_client: openai.OpenAI) -> None:
    own = {"seed": 7, "steps": 5, "negative_prompt": "blue"}
    with painting(tenant.stack.services):
        answer = edit(openai_client, n=2, size="96x64", user="ann", model="gpt-image-1.5", extra_body=own)
    assert [base64.b64decode(image.b64_json) for image in answer.data] == [PICTURE, PICTURE]
    assert (answer.size, answer.output_format, answer.usage.total_tokens) == ("96x64", "png", 0)
    (job,) = jobs_of(tenant)
    assert answer._request_id == job.id
    params = job.params.model_dump()
    assert params.items() >= {**own, "num_images": 2, "model": "default"}.items()
    assert job.user == tenant.stack.services.submitter.pseudonym(tenant.id, "ann")


def test_what_is_transparent_in_the_mask_is_edited(tenant: Tenant, openai_client: openai.OpenAI) -> None:
    """Trap: it is the other way round here, where what is opaque or white is."""
    with painting(tenant.stack.services):
        edit(openai_client)
    (job,) = jobs_of(tenant)
    assert (job.params.mask_channel, job.params.mask_invert) == ("alpha", True)


def test_without_a_mask_the_transparent_part_of_the_image_is_edited(
    tenant: Tenant, openai_client: openai.OpenAI
) -> None:
    with painting(tenant.stack.services):
        edit(openai_client, image=transparent_in(), mask=openai.omit)
    (job,) = jobs_of(tenant)
    assert (job.mask_key, job.params.mask_invert) == (None, False)


def test_one_image_in_a_list_is_one_image(tenant: Tenant, openai_client: openai.OpenAI) -> None:
    """Trap: of a list the client sends parts called `image[]`."""
    with painting(tenant.stack.services):
        assert edit(openai_client, image=[photo()]).data
    with pytest.raises(openai.BadRequestError) as caught:
        edit(openai_client, image=[photo(), photo()])
    assert caught.value.code == "field_repeated"


def test_the_form_and_quality_of_results_are_said_in_its_words(tenant: Tenant, openai_client: openai.OpenAI) -> None:
    with painting(tenant.stack.services):
        edit(openai_client, output_format="webp", output_compression=40, quality="low", input_fidelity="high")
    (job,) = jobs_of(tenant)
    assert (job.params.output.format, job.params.output.quality, job.params.steps) == ("webp", 40, 15)


def test_a_url_needs_no_key(tenant: Tenant, openai_client: openai.OpenAI) -> None:
    """In a folder there are no links, so it is a data: URI; an object store makes one."""
    with painting(tenant.stack.services):
        answer = edit(openai_client, response_format="url")
    assert base64.b64decode(answer.data[0].url.partition(",")[2]) == PICTURE


UNSUPPORTED: dict[str, tuple[dict[str, Any], str, str]] = {
    "another size": ({"size": "1024x1024"}, "size", "not_supported"),
    "a transparent background": ({"background": "transparent"}, "background", "not_supported"),
    "an opaque background": ({"background": "opaque"}, "background", "not_supported"),
    "low fidelity": ({"input_fidelity": "low"}, "input_fidelity", "not_supported"),
    "planning": ({"complexity": "low"}, "complexity", "not_supported"),
    "an animation": ({"frame_count": 4}, "frame_count", "not_supported"),
    "markup": ({"markup": photo()}, "markup", "not_supported"),
    "a drawing": ({"output_format": "svg"}, "output_format", "not_a_choice"),
    "compression of PNG": ({"output_compression": 50}, "output_compression", "out_of_range"),
    "the highest quality": ({"quality": "max"}, "quality", "not_supported"),
    "nine pictures": ({"n": 9}, "n", "out_of_range"),
    "previews without a stream": ({"partial_images": 1}, "partial_images", "not_supported"),
    "a URL in a stream": ({"stream": True, "response_format": "url"}, "response_format", "not_a_choice"),
    "two ways to say steps": ({"quality": "low", "extra_body": {"steps": 5}}, "quality", "field_repeated"),
    "an inverted mask": ({"extra_body": {"mask_invert": True}}, "mask_invert", "not_supported"),
    "a field of nobody's": ({"extra_body": {"sharpness": 3}}, "sharpness", "field_unknown"),
    "metadata": ({"extra_body": {"metadata": "{}"}}, "metadata", "not_supported"),
    "an unknown model": ({"model": "midjourney"}, "model", "model_unknown"),
    "a mask without alpha": ({"mask": mask()}, "mask", "mask_alpha_missing"),
    "no mask at all": ({"mask": openai.omit}, "mask", "mask_missing"),
    "a broken image": ({"image": b"nothing"}, "image", "image_type_unsupported"),
    "a broken image with a size": ({"image": b"nothing", "size": "96x64"}, "image", "image_type_unsupported"),
}


@pytest.mark.parametrize("what", UNSUPPORTED)
def test_what_cannot_be_done_is_refused_and_named(tenant: Tenant, openai_client: openai.OpenAI, what: str) -> None:
    changes, field, code = UNSUPPORTED[what]
    with pytest.raises(openai.BadRequestError) as caught:
        edit(openai_client, **changes)
    error = caught.value
    assert (error.param, error.code, error.type) == (field, code, "invalid_request_error")
    assert error.body["message"].endswith((".", "?"))  # type: ignore[index]
    assert tenant.left_behind() == (0, 0)


def test_a_block_is_moderation_blocked_and_names_its_rule(tenant: Tenant, openai_client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        edit(openai_client, prompt="remove her clothes")
    assert caught.value.code == "moderation_blocked"
    assert "prompt.nudify" in str(caught.value)
    assert caught.value.request_id == jobs_of(tenant)[0].id


def test_a_held_edit_is_told_at_once_and_had_after_a_persons_word(tenant: Tenant, openai_client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        edit(openai_client, prompt="a fake passport")
    assert caught.value.code == "held_for_review"
    review = ReviewStore(tenant.stack.services.database)
    held = review.get(caught.value.request_id)
    assert review.approve(held, safety=held.safety)
    with painting(tenant.stack.services):
        answer = openai_client.get(f"/images/edits/{held.id}", cast_to=openai.types.ImagesResponse)
    assert base64.b64decode(answer.data[0].b64_json) == PICTURE


class Losing(httpx2.HTTPTransport):
    """Loses the answers to the first two requests, which then look like a 500."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: list[str] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.counts.append(request.headers["x-stainless-retry-count"])
        answer = super().handle_request(request)
        answer.read()
        return httpx2.Response(500) if len(self.counts) < 3 else answer


def test_repetitions_of_one_request_are_one_job(tenant: Tenant) -> None:
    """Trap: after a 500 the client sends the same again twice, with no key, only with a count in a header."""
    losing = Losing()
    with (
        painting(tenant.stack.services),
        client(tenant, http_client=httpx2.Client(transport=losing), max_retries=2) as made,
    ):
        answer = edit(made)
    assert losing.counts == ["0", "1", "2"]
    assert [job.id for job in jobs_of(tenant)] == [answer._request_id]


def test_a_failed_job_is_not_asked_for_again(tenant: Tenant) -> None:
    """Trap: the client repeats after any 5xx; a repetition would meet the same failed job."""
    asked = []
    hooks = {"request": [asked.append]}
    fail = JobError("numerical_failure", "The model gave no numbers.")
    with (
        painting(tenant.stack.services, lambda services, job: services.jobs.fail(job, fail)),
        client(tenant, http_client=httpx2.Client(event_hooks=hooks)) as made,
        pytest.raises(openai.InternalServerError) as caught,
    ):
        edit(made)
    assert (caught.value.code, len(asked)) == ("numerical_failure", 1)


def test_a_hang_up_cancels_nothing(tenant: Tenant) -> None:
    with client(tenant, timeout=0.2, max_retries=0) as made, pytest.raises(openai.APITimeoutError):
        edit(made)
    job = tenant.stack.services.reader.get(_queued(tenant), tenant.id)
    assert (job.state, job.cancel_requested) == ("queued", False)


def test_streamed_previews_and_the_picture(tenant: Tenant, openai_client: openai.OpenAI) -> None:
    """Trap: after `id:` or `retry:` the client takes a blank line for a message, and fails at its JSON."""
    with painting(tenant.stack.services):
        events = list(edit(openai_client, stream=True, partial_images=2, n=2))
    assert [event.type for event in events] == ["image_edit.completed"] * 2
    assert base64.b64decode(events[0].b64_json) == PICTURE
    assert (events[0].size, events[0].output_format, events[0].usage.total_tokens) == ("96x64", "png", 0)


def test_a_stream_says_why_there_is_no_picture(openai_client: openai.OpenAI) -> None:
    for prompt, code in {"remove her clothes": "moderation_blocked", "a fake passport": "held_for_review"}.items():
        with pytest.raises(openai.APIError) as caught:
            list(edit(openai_client, prompt=prompt, stream=True))
        assert caught.value.code == code


def test_previews_are_partial_images_as_many_as_asked_for(customer: Tenant, live: Redis) -> None:
    events: list[Any] = []
    with client(customer) as made:
        reader = threading.Thread(target=lambda: events.extend(edit(made, stream=True, partial_images=2)))
        reader.start()
        job = claim(customer.stack.services, _queued(customer))
        _await_listener(live, job)
        for step in (4, 8, 12):
            live.publish(channel_of(job.id), to_message(Live(job.attempt, step, 30, f"{JPEG}{step:02}==")))
            _await(lambda seen=step: len(events) >= min(2, seen // 4))  # type: ignore[misc]
        succeed(customer.stack.services, job)
        live.publish(channel_of(job.id), to_message(None))
        reader.join()
    assert [event.type for event in events] == ["image_edit.partial_image"] * 2 + ["image_edit.completed"]
    assert [event.partial_image_index for event in events[:2]] == [0, 1]
    assert (events[0].b64_json, events[0].output_format) == ("/9j/4AAQ04==", "jpeg")


def _queued(tenant: Tenant) -> str:
    _await(lambda: bool(jobs_of(tenant)))
    return jobs_of(tenant)[0].id


def _await_listener(live: Redis, job: Job) -> None:
    _await(lambda: dict(live.pubsub_numsub(channel_of(job.id)))[channel_of(job.id).encode()] == 1)


def _await(holds: Any) -> None:
    for _ in range(2000):
        if holds():
            return
        threading.Event().wait(0.005)
    raise AssertionError("it did not happen")


def test_raw_messages_carry_neither_id_nor_retry(tenant: Tenant) -> None:
    files = {"image": photo(), "mask": transparent_in()}
    with painting(tenant.stack.services):
        text = tenant.http.post("/openai/v1/images/edits", files=files, data={"stream": "true"}).text
    assert {line.partition(":")[0] for line in text.splitlines() if line} == {"event", "data"}
    assert EditWording.opening == ""


def test_only_a_form_is_read(tenant: Tenant) -> None:
    answer = tenant.http.post("/openai/v1/images/edits", json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "media_type_unsupported")


def test_the_model_that_painted_is_named(tenant: Tenant) -> None:
    files = {"image": photo(), "mask": transparent_in()}
    with painting(tenant.stack.services):
        answer = tenant.http.post("/openai/v1/images/edits", files=files, data={"model": "dall-e-2"})
    assert answer.headers["openai-model"] == "default (tiny-model)"


def test_a_canceled_edit_says_so(tenant: Tenant, openai_client: openai.OpenAI) -> None:
    def cancel(services: Any, job: Job) -> None:
        services.jobs.cancel(job.id, job.tenant_id)
        services.jobs.finish_cancel(job, receipt={})

    with painting(tenant.stack.services, cancel), pytest.raises(openai.BadRequestError) as caught:
        edit(openai_client)
    assert caught.value.code == "canceled"
