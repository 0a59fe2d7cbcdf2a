"""webuiapi, a client of the web UI, on /a1111: what it gets, what it is refused, and the traps it falls into."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import webuiapi
from PIL import Image, ImageChops

from storage.job import Job
from storage.job_reader import JobFilter
from tests.contract.api.serving import Tenant, claim, mask, photo
from tests.contract.dialects.painter import PICTURE, painting, succeed

PATH = "/a1111/sdapi/v1"
SMALL = {"width": 128, "height": 128}


@pytest.fixture
def api(tenant: Tenant) -> Iterator[webuiapi.WebUIApi]:
    made = webuiapi.WebUIApi(baseurl=f"{tenant.stack.url}{PATH}", username="anybody", password=tenant.key)
    yield made
    made.session.close()


def paint(api: webuiapi.WebUIApi, **changes: Any) -> webuiapi.WebUIApiResult:
    sound = {"images": [opened(photo())], "mask_image": opened(mask()), "prompt": "a (red:1.2) circle", **SMALL}
    return api.img2img(**{**sound, **changes})


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def only_job(tenant: Tenant) -> Job:
    (job,) = tenant.stack.services.reader.page(tenant.id, JobFilter()).jobs
    return job


def test_a_picture_comes_back_as_bare_base64_with_its_seeds(tenant: Tenant, api: webuiapi.WebUIApi) -> None:
    """Trap: `info` is JSON in a text, and the client takes each image for base64 without the head of a data: URI."""
    with painting(tenant.stack.services):
        result = paint(api, seed=7, batch_size=2, n_iter=2)
    assert [ImageChops.difference(image, opened(PICTURE)).getbbox() for image in result.images] == [None] * 4
    assert (result.info["all_seeds"], result.info["sampler_name"]) == ([7, 8, 9, 10], "Euler a")
    assert "Steps: 20, Sampler: Euler a, CFG scale: 7.0, Seed: 7, Size: 96x64" in result.info["infotexts"][0]
    assert result.info["job_id"] == only_job(tenant).id


def test_what_the_client_sends_by_itself_means_what_it_means_there(tenant: Tenant, api: webuiapi.WebUIApi) -> None:
    with painting(tenant.stack.services):
        paint(api)
    expected = {
        "mask_invert": False, "mask_blur": 4, "masked_content": "fill", "area": "masked", "padding": 0,
        "strength": 0.75, "steps": 20, "guidance_scale": 7.0, "scheduler": "euler_ancestral", "eta": 1.0,
        "prompt_syntax": "a1111", "width": 128, "height": 128, "num_images": 1,
    }  # fmt: skip
    assert only_job(tenant).params.model_dump().items() >= expected.items()


def test_a_bare_request_takes_the_web_uis_defaults(tenant: Tenant) -> None:
    body = {"init_images": [base64.b64encode(photo()).decode()], "mask": base64.b64encode(mask()).decode()}
    with painting(tenant.stack.services):
        answer = tenant.http.post(f"{PATH}/img2img", json={**body, "script_name": None})
    assert json.loads(answer.json()["info"])["denoising_strength"] == 0.75
    params = only_job(tenant).params
    assert (params.steps, params.masked_content, params.area, params.padding) == (20, "fill", "masked", 0)
    assert answer.headers["x-job-id"] == only_job(tenant).id


@pytest.mark.parametrize(("number", "native"), [(0, "fill"), (1, "original"), (2, "noise"), (3, "blank")])
def test_the_four_fills(tenant: Tenant, api: webuiapi.WebUIApi, number: int, native: str) -> None:
    with painting(tenant.stack.services):
        paint(api, inpainting_fill=number)
    assert only_job(tenant).params.masked_content == native


def test_the_rest_of_the_mask_and_the_samplers(tenant: Tenant, api: webuiapi.WebUIApi) -> None:
    settings = {"sd_model_checkpoint": "default [abc123]", "CLIP_stop_at_last_layers": 2}
    with painting(tenant.stack.services):
        paint(
            api,
            inpaint_full_res=False,
            inpainting_mask_invert=1,
            sampler_name="DPM++ 2M",
            scheduler="Automatic",
            override_settings=settings,
            denoising_strength=1,
            cfg_scale=3,
        )
    params = only_job(tenant).params
    assert (params.area, params.mask_invert, params.scheduler, params.clip_skip) == ("whole", True, "dpmpp_2m", 1)
    assert (params.strength, params.guidance_scale) == (1, 3)


UNSUPPORTED: dict[str, tuple[dict[str, Any], str]] = {
    "resizing by cropping": ({"resize_mode": 1}, "resize_mode"),
    "two pictures": ({"images": [Image.new("RGB", (96, 64))] * 2}, "init_images"),
    "no mask": ({"mask_image": None}, "mask"),
    "styles": ({"styles": ["x"]}, "styles"),
    "variations": ({"subseed_strength": 0.5}, "subseed_strength"),
    "faces": ({"restore_faces": True}, "restore_faces"),
    "tiling": ({"tiling": True}, "tiling"),
    "a script": ({"script_name": "x/y/z plot"}, "script_name"),
    "an extension": ({"alwayson_scripts": {"ControlNet": {"args": []}}}, "alwayson_scripts"),
    "another option": ({"override_settings": {"eta_noise_seed_delta": 1}}, "override_settings.eta_noise_seed_delta"),
    "options that stay": ({"override_settings_restore_afterwards": False}, "override_settings_restore_afterwards"),
    "an unknown sampler": ({"sampler_name": "Heun"}, "Euler a, Euler, DPM++ 2M"),
    "another schedule": ({"scheduler": "Karras"}, "scheduler"),
    "no denoising": ({"denoising_strength": 0}, "denoising_strength"),
    "much guidance": ({"cfg_scale": 31}, "cfg_scale"),
    "a fifth fill": ({"inpainting_fill": 4}, "inpainting_fill"),
    "nine pictures": ({"batch_size": 3, "n_iter": 3}, "batch_size"),
    "a working size beyond the model": ({"width": 1096}, "width"),
    "an unknown checkpoint": ({"override_settings": {"sd_model_checkpoint": "x"}}, "There is no model 'x'"),
    "another noise": ({"initial_noise_multiplier": 0.5}, "initial_noise_multiplier"),
}


@pytest.mark.parametrize("what", UNSUPPORTED)
def test_what_cannot_be_done_is_refused_and_named(tenant: Tenant, api: webuiapi.WebUIApi, what: str) -> None:
    changes, words = UNSUPPORTED[what]
    with pytest.raises(RuntimeError) as caught:
        paint(api, **changes)
    status, text = caught.value.args
    body = json.loads(text)
    assert (status, words in body["detail"]) == (422, True), text
    assert body.keys() == {"error", "detail", "body", "errors"}
    assert tenant.left_behind() == (0, 0)


def test_unknown_fields_are_refused(tenant: Tenant) -> None:
    answer = tenant.http.post(
        f"{PATH}/img2img", json={"init_images": ["AAAA"], "mask": "AAAA", "refiner_checkpoint": "x"}
    )
    assert (answer.status_code, answer.json()["error"]) == (422, "field_unknown")


ENDS: dict[str, tuple[str, int, str]] = {
    "blocked": ("remove her clothes", 403, "blocked"),
    "held": ("a fake passport", 409, "held_for_review"),
}


@pytest.mark.parametrize("what", ENDS)
def test_no_picture_is_an_error_with_the_reason(tenant: Tenant, api: webuiapi.WebUIApi, what: str) -> None:
    prompt, status, code = ENDS[what]
    with pytest.raises(RuntimeError) as caught:
        paint(api, prompt=prompt)
    assert (caught.value.args[0], json.loads(caught.value.args[1])["error"]) == (status, code)
    answer = tenant.http.get(f"{PATH}/img2img/{only_job(tenant).id}")
    assert (answer.status_code, answer.headers["x-job-id"]) == (status, only_job(tenant).id)


def test_the_client_is_told_what_there_is_before_it_begins(tenant: Tenant, api: webuiapi.WebUIApi) -> None:
    """Trap: its first request is GET /scripts; without an answer it does not know of missing extensions."""
    assert api.get_scripts() == {"txt2img": [], "img2img": []}
    assert (api.has_controlnet, api.has_adetailer) == (False, False)
    assert "DDIM" in [sampler["name"] for sampler in api.get_samplers()]
    assert [model["title"] for model in api.get_sd_models()] == ["default", "xl"]
    assert api.get_options()["sd_model_checkpoint"] == "default"
    assert api.set_options({"sd_model_checkpoint": "xl"})["error"] == "not_supported"
    with pytest.raises(RuntimeError, match="img2img"):
        api.txt2img(prompt="x")


def test_progress_is_of_the_callers_own_jobs_of_this_interface(tenant: Tenant, stranger: Tenant, api: Any) -> None:
    """Trap (of the web UI itself): it shows, and interrupts, whatever anybody is doing."""
    assert (api.get_progress()["progress"], api.get_progress()["state"]["job_count"]) == (0, 0)
    native = claim(tenant.stack.services, tenant.accepted()["id"])
    foreign = claim(tenant.stack.services, stranger.accepted()["id"])
    assert api.get_progress()["state"]["job_count"] == 0
    with running(api, tenant):
        progress = api.get_progress()
        assert (progress["progress"], progress["state"]["job_count"]) == (0, 1)
        assert (progress["state"]["sampling_steps"], progress["eta_relative"]) == (15, 0)
        assert api.interrupt() == {}
        assert api.get_progress()["state"]["interrupted"]
    for job in (native, foreign):
        assert not tenant.stack.services.reader.get(job.id, job.tenant_id).cancel_requested
        succeed(tenant.stack.services, job)


class running:  # noqa: N801
    """Within the block a request of the web UI is being painted; at its end it has been canceled."""

    def __init__(self, api: webuiapi.WebUIApi, tenant: Tenant) -> None:
        self._tenant, self._error = tenant, list[BaseException]()
        self._thread = threading.Thread(target=self._paint, args=[api])

    def __enter__(self) -> None:
        self._thread.start()
        self._job = claim_next(self._tenant)

    def __exit__(self, *_: object) -> None:
        self._tenant.stack.services.jobs.finish_cancel(self._job, receipt={})
        self._thread.join()
        assert self._error[0].args[0] == 409

    def _paint(self, api: webuiapi.WebUIApi) -> None:
        try:
            paint(api)
        except RuntimeError as error:
            self._error.append(error)


def claim_next(tenant: Tenant) -> Job:
    for _ in range(2000):
        queued = tenant.stack.services.reader.page(tenant.id, JobFilter()).jobs[:1]
        if queued and queued[0].state == "queued":
            return claim(tenant.stack.services, queued[0].id)
        threading.Event().wait(0.005)
    raise AssertionError("nothing was sent")


def test_skip_cancels_the_job_that_runs_longest(tenant: Tenant, api: webuiapi.WebUIApi) -> None:
    with running(api, tenant):
        assert api.skip() == {}


def test_the_key_is_the_password(tenant: Tenant) -> None:
    address, header = f"{tenant.stack.url}{PATH}/samplers", "www-authenticate"
    assert httpx.get(address, auth=("", tenant.key)).status_code == 200
    refused = httpx.get(address, auth=(tenant.key, "wrong"))
    assert (refused.status_code, refused.json()["error"], refused.headers[header]) == (401, "key_invalid", "Basic")
    for text in ("Basic", "Basic !", "Basic //8="):
        assert httpx.get(address, headers={"Authorization": text}).json()["error"] == "key_missing"
