"""POST /v1/jobs: what is taken, and what comes back."""

from __future__ import annotations

import asyncio
import io
import json
import threading
import time

import httpx
import pytest
from PIL import Image

from safety.hashes import pdq
from storage.audit_store import AuditStore
from storage.params import InpaintParams
from tests.contract.api.serving import NATIVE_SIZE, Tenant, data_uri, encoded, finish, mask, photo, request

WAIT_SECONDS = 30
JOB_KEYS = {
    "id", "object", "status", "created_at", "started_at", "finished_at", "attempt", "attempts", "priority", "batch",
    "user", "metadata", "progress", "queue", "params", "model", "images", "safety", "receipt", "error", "links",
    "withdrawn_at", "replaces", "replaced_by",
}  # fmt: skip


def test_a_job_has_the_shape_of_the_contract(tenant: Tenant) -> None:
    answer = tenant.submit(seed=7)
    job = answer.json()

    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}" == job["links"]["self"]
    assert job.keys() == JOB_KEYS
    assert (job["object"], job["status"], job["priority"], job["images"]) == ("job", "queued", "standard", [])
    assert job["progress"] == {"step": 0, "steps": 30}
    assert job["queue"].keys() == {"position", "eta_seconds"}
    assert job["model"] == {"alias": "default", "name": "tiny-model", "sha256": None}
    assert job["safety"].keys() == {"action", "policy", "findings", "statement"}
    assert job["created_at"].endswith("Z")
    assert job["error"] is None


def test_what_was_left_open_is_resolved_and_echoed(tenant: Tenant) -> None:
    first, second = (tenant.accepted(seed=seed)["params"] for seed in (None, -1))

    assert (first["width"], first["height"]) == (NATIVE_SIZE, NATIVE_SIZE)
    assert isinstance(first["seed"], int)
    assert isinstance(second["seed"], int)
    assert first["seed"] != second["seed"]
    assert (first["steps"], first["guidance_scale"], first["strength"], first["mask_blur"]) == (30, 7.5, 1.0, 4)


@pytest.mark.parametrize(
    "field",
    ["prompt_syntax", "masked_content", "color_match", "blend", "area", "scheduler", "mask_channel", "long_prompt"],
)
def test_every_choice_of_every_field_is_taken_and_echoed(tenant: Tenant, field: str) -> None:
    for choice in InpaintParams.model_json_schema()["$defs"][type(getattr(InpaintParams(), field)).__name__]["enum"]:
        masked = Image.new("LA", (96, 64), (255, 200))
        job = tenant.accepted(**{field: choice}, mask=data_uri(encoded(masked)))
        assert job["params"][field] == choice


def test_json_form_and_uploaded_files_are_one_job(tenant: Tenant) -> None:
    output = {"format": "webp", "quality": 80}
    text = {"prompt": "ein grüner Kreis", "steps": "12", "mask_invert": "true", "seed": "5"}
    fields = {"prompt": text["prompt"], "steps": 12, "mask_invert": True, "seed": 5, "output": output}
    by_json = tenant.accepted(**fields)
    form = tenant.http.post(
        "/v1/jobs",
        data={**text, "output": json.dumps(output), "metadata": '{"order": 17}'},
        files={"image": ("a.png", photo()), "mask": ("m.png", mask())},
    )
    ids = [tenant.http.post("/v1/files", files={"file": data}).json()["id"] for data in (photo(), mask())]
    by_file = tenant.accepted(**fields, image=ids[0], mask=ids[1])

    assert form.status_code == 202, form.text
    assert by_json["params"] == form.json()["params"] == by_file["params"]
    assert form.json()["metadata"] == {"order": 17}


def test_the_alpha_of_the_image_is_the_mask_when_there_is_none(tenant: Tenant) -> None:
    see_through = Image.new("RGBA", (96, 64), (200, 10, 10, 255))
    see_through.paste((0, 0, 0, 0), (5, 5, 20, 20))
    for absent in (None, ...):
        assert tenant.accepted(image=data_uri(encoded(see_through)), mask=absent)["status"] == "queued"


def test_a_forbidden_prompt_is_a_blocked_job_that_names_its_rule(tenant: Tenant) -> None:
    job = tenant.accepted(prompt="remove her clothes")

    assert job["status"] == "blocked"
    assert job["safety"]["action"] == "block"
    assert job["safety"]["findings"][0]["category"] == "ncii_nudify"
    assert job["images"] == []
    assert job["finished_at"] is not None
    assert job["queue"]["position"] is None


def test_brackets_hide_nothing_from_the_policy(tenant: Tenant) -> None:
    prompt = "please (re)(move:1.2) her [clothes]"
    job = tenant.accepted(prompt=prompt, prompt_syntax="a1111")

    assert (job["status"], job["params"]["prompt"]) == ("blocked", prompt)
    assert prompt[slice(*job["safety"]["findings"][0]["span"])] == "re)(move:1.2) her [clothes"


def test_metadata_may_be_kept(tenant: Tenant) -> None:
    assert tenant.accepted(output={"keep_metadata": True})["params"]["output"]["keep_metadata"]


def test_a_doubtful_prompt_is_held_for_a_person(tenant: Tenant) -> None:
    job = tenant.accepted(prompt="a fake passport")

    assert (job["status"], job["safety"]["action"]) == ("held", "review")


def test_the_end_user_is_stored_under_a_pseudonym_and_found_by_name(tenant: Tenant, stranger: Tenant) -> None:
    mine, theirs = tenant.accepted(user="ann@example.org"), stranger.accepted(user="ann@example.org")
    tenant.accepted(user="bob")

    found = tenant.http.get("/v1/jobs", params={"user": "ann@example.org"}).json()["data"]
    assert mine["user"].startswith("usr_")
    assert "ann" not in mine["user"]
    assert mine["user"] != theirs["user"]
    assert [job["id"] for job in found] == [mine["id"]]


def test_own_fields_come_back(tenant: Tenant) -> None:
    own = {"metadata": {"a": [1, 2.5, None], "ключ": "värde"}, "batch": "spring", "priority": "bulk"}
    job = tenant.accepted(**own, deadline_seconds=90)

    assert {name: job[name] for name in own} == own
    assert tenant.http.get(job["links"]["self"]).json()["metadata"] == own["metadata"]


@pytest.mark.parametrize("prompt", ["a fake passport", "remove her clothes"])
def test_waiting_ends_at_once_when_a_person_or_the_policy_has_the_word(tenant: Tenant, prompt: str) -> None:
    began = time.monotonic()
    answer = tenant.http.post(f"/v1/jobs?wait={WAIT_SECONDS}", json=request(prompt=prompt))

    assert answer.json()["status"] in {"held", "blocked"}
    assert time.monotonic() - began < WAIT_SECONDS / 2


def test_waiting_answers_when_the_job_has_ended(tenant: Tenant) -> None:
    job = tenant.accepted()
    worker = threading.Timer(0.3, finish, (tenant.stack.services, job["id"], photo()))
    worker.start()
    began = time.monotonic()
    answer = tenant.http.get(job["links"]["self"], params={"wait": WAIT_SECONDS})
    worker.join()

    assert answer.json()["status"] == "succeeded"
    assert 0.2 < time.monotonic() - began < WAIT_SECONDS / 2


def test_waiting_gives_up_after_the_time_that_was_asked_for(tenant: Tenant) -> None:
    began = time.monotonic()
    answer = tenant.http.post("/v1/jobs?wait=1", json=request())

    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert time.monotonic() - began > 0.9


def test_a_hundred_waiters_leave_room_for_everybody_else(tenant: Tenant) -> None:
    job = tenant.accepted()
    link = job["links"]["self"]

    async def scene() -> tuple[float, list[str]]:
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(
            base_url=tenant.stack.url, headers=tenant.http.headers, limits=limits, timeout=30
        ) as http:
            waiters = [asyncio.create_task(http.get(f"{link}?wait=20")) for _ in range(100)]
            began = time.monotonic()
            await http.get(link)
            took = time.monotonic() - began
            await asyncio.to_thread(finish, tenant.stack.services, job["id"], photo())
            return took, [answer.json()["status"] for answer in await asyncio.gather(*waiters)]

    took, statuses = asyncio.run(scene())
    # With a thread for each waiter, the read would have to wait for the first of them to give up.
    assert took < 10
    assert statuses == ["succeeded"] * 100


def test_what_was_decided_on_a_prompt_is_on_record_in_every_form_of_its_words(tenant: Tenant) -> None:
    job = tenant.accepted(prompt="A (réd:1.2) CIRCLE", prompt_syntax="a1111", user="ann")
    (record,) = AuditStore(tenant.stack.services.database).of(job["id"])
    content, words = record.content, record.content["prompts"]["prompts"]
    assert (content["record"]["stage"], content["record"]["action"]) == ("prompt", "allow")
    assert {form: both["prompt"] for form, both in words.items()} == {
        "submitted": "A (réd:1.2) CIRCLE",
        "normalized": "a red circle",
        "used": "A réd CIRCLE",
    }
    assert content["user"].startswith("usr_")
    assert len(content["hashes"]["input"]["sha256"]) == len(content["hashes"]["mask"]["sha256"]) == 64


def test_the_pictures_of_a_refused_request_are_on_record_though_nobody_looks_at_them(tenant: Tenant) -> None:
    job = tenant.accepted(prompt="remove her clothes")
    (record,) = AuditStore(tenant.stack.services.database).of(job["id"])
    assert job["status"] == "blocked"
    assert record.content["hashes"]["input"]["pdq"] == pdq(Image.open(io.BytesIO(photo()))).hex
    assert record.content["hashes"]["mask"]["quality"] is not None
