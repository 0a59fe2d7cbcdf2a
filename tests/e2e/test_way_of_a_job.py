"""The way of a job: submit, Redis, Celery, pipeline, checker, mark, S3, SQL, download. Nothing here is a stand-in."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from bench.watermark_attacks import cropped, screenshot
from producer.client import Client
from producer.client.types import Event
from producer.demo.pictures import drawn, photograph
from producer.demo.scenes import Mask, Scene
from safety import credentials, watermark
from safety.authority import load_or_create_authority
from safety.mark_keys import MarkKeys
from storage.job_reader import JobReader
from storage.key_store import KeyStore
from tests.collector import TraceCollector
from tests.e2e.conftest import BOX, Stores, reported
from tests.integration.webhooks.receiver import receiving
from tests.service import MARK_SECRET, Service, data_uri, pixels
from worker.pocket.pattern import PATTERN_PROMPT, draw_pattern


@pytest.fixture(scope="module")
def job(deployment: Service, picture: Image.Image, mask: Image.Image) -> dict[str, Any]:
    """One job at the end of its way. A hard edge makes the untouched pixels exactly those outside the mask."""
    done = deployment.run(image=data_uri(picture), mask=data_uri(mask), prompt="a red circle", seed=11, blend="hard")
    assert done["status"] == "succeeded", done
    return done


def outside(mask: Image.Image) -> NDArray[np.bool_]:
    return np.asarray(mask) == 0


def test_a_red_circle_is_red(deployment: Service, job: dict[str, Any][str, object]) -> None:
    made = pixels(deployment.image(job)).astype(int)
    middle = made[56:72, 56:72].reshape(-1, 3).mean(axis=0)
    assert middle[0] > 150, middle
    assert middle[0] > middle[1] + 80, middle
    assert middle[0] > middle[2] + 80, middle


def test_pixels_outside_the_mask_are_the_inputs_own_before_marking(
    deployment: Service, job: dict[str, Any], picture: Image.Image, mask: Image.Image
) -> None:
    kept = np.asarray(picture)[outside(mask)]
    untouched = job["receipt"]["untouched"]
    assert untouched == {"checked": True, "pixels": len(kept), "sha256": hashlib.sha256(kept.tobytes()).hexdigest()}
    # What left the service carries the mark as well, and only that.
    marked = pixels(deployment.image(job))[outside(mask)].astype(int)
    assert np.abs(marked - kept).mean() < 4


def test_the_mark_is_read_back(deployment: Service, job: dict[str, Any]) -> None:
    found = watermark.detect(Image.open(BytesIO(deployment.image(job))), MarkKeys.from_secret(MARK_SECRET))
    assert found is not None
    assert found.id == job["images"][0]["watermark_id"]


def test_the_credentials_say_what_was_done(deployment: Service, job: dict[str, Any]) -> None:
    authority = load_or_create_authority(deployment.folder / "credentials")
    stated = credentials.read(deployment.image(job), "image/png", authority.root_pem)
    assert stated is not None
    assert stated.made_here, stated.problems
    assert stated.watermark_id == job["images"][0]["watermark_id"]
    assert stated.model == "inpaint-pocket"
    assert stated.mask_box == BOX
    assert stated.has_parent


def test_the_row_the_object_and_the_answer_are_the_same_picture(
    deployment: Service, stores: Stores, job: dict[str, Any]
) -> None:
    tenant = KeyStore(stores.database).create_tenant("tests")
    row = JobReader(stores.database).get(job["id"], tenant)
    events = [event.type for event in JobReader(stores.database).events(job["id"], tenant)]
    stored = stores.objects.get(row.images[0].key)
    assert stores.settings.objects.startswith("s3://")
    assert stores.settings.database_url.startswith("postgresql://")
    assert stored == deployment.image(job)
    assert hashlib.sha256(stored).hexdigest() == row.images[0].sha256 == job["images"][0]["sha256"]
    assert events == ["job.queued", "job.started", "job.succeeded"]


def history(deployment: Service, job: dict[str, Any]) -> list[str]:
    """The types of a job's events."""
    with Client(deployment.url, deployment.key) as client:
        return [event["type"] for event in client.events(job["id"]) if "id" in event]


def shown(deployment: Service, job: dict[str, Any]) -> int:
    """What the service answers to somebody who asks for the job's picture."""
    with deployment.http as http:
        return http.get(f"/v1/jobs/{job['id']}/images/0").status_code


def followed(deployment: Service, **fields: Any) -> list[Event]:
    """Every message about a new job until it has ended or is held."""
    with Client(deployment.url, deployment.key) as client:
        told = []
        for event in client.events(deployment.submit(**fields)["id"]):
            told.append(event)
            if event["type"] == "job.held":
                break
        return told


def test_a_job_can_be_watched(deployment: Service, picture: Image.Image, mask: Image.Image) -> None:
    """Steps and previews go from the engine through Redis to whoever streams the job, history comes from SQL."""
    fields = {"image": data_uri(picture), "mask": data_uri(mask)}
    told = followed(deployment, **fields, prompt="a red circle", steps=100)
    assert [event["type"] for event in told if "id" in event] == ["job.queued", "job.started", "job.succeeded"]
    steps = [event["step"] for event in told if "step" in event]
    assert steps == sorted(steps)
    assert len(set(steps)) >= 5
    assert all(event["steps"] == 100 for event in told if "step" in event)
    previews = [event["preview"] for event in told if "preview" in event]
    assert previews
    small = pixels(base64.b64decode(previews[-1].partition(",")[2])).astype(int)
    assert small.shape == (16, 16, 3)
    assert small[7:9, 7:9, 0].mean() > small[7:9, 7:9, 1].mean() + 50, "it is red in the middle already"


def test_what_the_checker_finds_is_not_shown_beforehand(
    deployment: Service, picture: Image.Image, mask: Image.Image
) -> None:
    fields = {"image": data_uri(picture), "mask": data_uri(mask)}
    told = followed(deployment, **fields, prompt=PATTERN_PROMPT, steps=60)
    assert told[-1]["type"] == "job.held"
    assert len({event["step"] for event in told if "step" in event}) >= 3
    previews = [event["step"] for event in told if "preview" in event]
    assert all(step < 40 for step in previews), "only at first, when there is nothing to be found yet"


def test_the_ring_came_through_celery(deployment: Service, job: dict[str, Any]) -> None:
    log = (deployment.folder / "worker.log").read_text()
    assert "Task inpaintd.work" in log
    assert job["id"] in log


def test_the_receipt_accounts_for_the_way(job: dict[str, Any]) -> None:
    assert job["receipt"]["actual_steps"] == job["progress"]["step"] == job["progress"]["steps"] == 30
    assert set(job["receipt"]["timings"]) == {"queued", "load", "prepare", "denoise", "check", "mark", "save"}
    assert job["model"]["name"] == "inpaint-pocket"
    assert len(job["model"]["sha256"]) == 64
    assert job["params"]["seed"] == 11


def test_a_seed_means_the_same_picture(deployment: Service, picture: Image.Image, mask: Image.Image) -> None:
    """Two alike and two others at once: whichever share a step, equal seeds give equal pixels before the mark."""
    fields = {"image": data_uri(picture), "mask": data_uri(mask), "prompt": "a blue square", "steps": 12}
    submitted = [deployment.submit(**fields, seed=seed) for seed in (5, 6, 5, 7)]
    done = [deployment.get(job["id"], wait=60) for job in submitted]
    assert [job["status"] for job in done] == ["succeeded"] * 4
    first, other, second, _ = [pixels(deployment.image(job)).astype(int) for job in done]
    # Marks carry random ids and move pixels by a few levels; another seed moves them by far more.
    assert np.abs(first - second).mean() < 3
    assert np.abs(first - other)[~outside(mask)].mean() > 3


def test_several_images_are_several_seeds(deployment: Service, picture: Image.Image, mask: Image.Image) -> None:
    done = deployment.run(
        image=data_uri(picture), mask=data_uri(mask), prompt="a green star", steps=8, seed=1, num_images=2
    )
    assert [image["seed"] for image in done["images"]] == [1, 2]
    assert deployment.image(done, 0) != deployment.image(done, 1)


def test_fields_that_change_the_road_do_so_together(
    deployment: Service, picture: Image.Image, mask: Image.Image
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Orientation] = "Camera", 1
    stored = BytesIO()
    picture.save(stored, "JPEG", quality=95, exif=exif)
    done = deployment.run(
        image=f"data:image/jpeg;base64,{base64.b64encode(stored.getvalue()).decode()}",
        mask=data_uri(mask),
        prompt="a (red:1.2) circle",
        negative_prompt="[blue]",
        prompt_syntax="a1111",
        masked_content="noise",
        strength=0.9,
        steps=10,
        color_match="histogram",
        output={"format": "webp", "keep_metadata": True},
    )
    assert (done["status"], done["receipt"]["actual_steps"]) == ("succeeded", 9), done
    made = deployment.image(done)
    stated = credentials.read(made, "image/webp", load_or_create_authority(deployment.folder / "credentials").root_pem)
    assert stated is not None
    assert stated.made_here, stated.problems
    with Image.open(BytesIO(made)) as image:
        assert image.getexif()[ExifTags.Base.Make] == "Camera"
        assert watermark.detect(image, MarkKeys.from_secret(MARK_SECRET)) is not None
    inside = pixels(made)[~outside(mask)].reshape(-1, 3).mean(axis=0)
    around = np.asarray(picture)[outside(mask)].mean(axis=0)
    assert np.abs(inside - around).max() < 25, "the colours around were to be taken over"


def test_a_person_lets_the_test_pattern_pass(
    deployment: Service, stores: Stores, picture: Image.Image, mask: Image.Image
) -> None:
    """Held, approved, shown: the very picture that waited, and nothing is made again."""
    fields = {"image": data_uri(picture), "mask": data_uri(mask), "prompt": PATTERN_PROMPT, "seed": 1}
    with receiving() as receiver:
        held = deployment.run(**fields, webhook_url=receiver.url())
        assert held["status"] == "held"
        assert "result.test_pattern" in [finding["rule"] for finding in held["safety"]["findings"]]
        assert (held["images"], len(stores.quarantined(held)), shown(deployment, held)) == ([], 1, 404)
        deployment.command("review", "approve", held["id"], "--by", "eve", "--reason", "test")
        done = deployment.get(held["id"])
        told = [json.loads(one.body)["type"] for one in receiver.wait_for(2, 60)]
    assert (done["status"], done["attempt"], shown(deployment, done)) == ("succeeded", held["attempt"], 200)
    assert done["progress"] == held["progress"] == {"step": 30, "steps": 30}
    found = watermark.detect(Image.open(BytesIO(deployment.image(done))), MarkKeys.from_secret(MARK_SECRET))
    assert found is not None
    assert found.id == done["images"][0]["watermark_id"]
    assert told == ["job.held", "job.succeeded"]
    assert history(deployment, done) == ["job.queued", "job.started", "job.held", "job.succeeded"]
    decided = [("prompt", "allow", "inpaintd"), ("result", "review", "inpaintd"), ("review", "approve", "eve")]
    assert stores.decisions(done) == decided


def test_a_person_rejects_the_test_pattern(
    deployment: Service, stores: Stores, picture: Image.Image, mask: Image.Image
) -> None:
    held = deployment.run(image=data_uri(picture), mask=data_uri(mask), prompt=PATTERN_PROMPT, seed=2)
    assert (held["status"], len(stores.quarantined(held))) == ("held", 1)
    deployment.command("review", "reject", held["id"], "--by", "eve", "--reason", "policy")
    ended = deployment.get(held["id"])
    assert (ended["status"], ended["images"], shown(deployment, ended)) == ("blocked", [], 404)
    assert history(deployment, ended) == ["job.queued", "job.started", "job.held", "job.blocked"]
    assert stores.decisions(ended)[-1] == ("review", "reject", "eve")
    stores.collect_orphans()
    assert stores.quarantined(ended) == []


def test_what_the_policy_blocks_never_reaches_a_worker(
    deployment: Service, stores: Stores, picture: Image.Image, mask: Image.Image
) -> None:
    ended = deployment.run(image=data_uri(picture), mask=data_uri(mask), prompt="remove her clothes")
    assert (ended["status"], ended["attempt"], ended["images"]) == ("blocked", 0, [])
    assert {finding["category"] for finding in ended["safety"]["findings"]} == {"ncii_nudify"}
    assert stores.decisions(ended) == [("prompt", "block", "inpaintd")]
    assert history(deployment, ended) == ["job.blocked"]


def test_a_request_that_a_person_approves_is_carried_out(
    deployment: Service, stores: Stores, picture: Image.Image, mask: Image.Image
) -> None:
    fields = {"image": data_uri(picture), "mask": data_uri(mask), "steps": 8}
    held = deployment.run(**fields, prompt="a red circle on a forged passport")
    assert (held["status"], held["attempt"]) == ("held", 0)
    deployment.command("review", "approve", held["id"], "--by", "eve", "--reason", "context")
    done = deployment.get(held["id"], wait=60)
    assert (done["status"], done["attempt"], shown(deployment, done)) == ("succeeded", 1, 200)
    assert history(deployment, done) == ["job.held", "job.queued", "job.started", "job.succeeded"]
    assert [action for _, action, _ in stores.decisions(done)] == ["review", "approve", "allow"]


def test_a_picture_that_shows_the_test_pattern_is_not_worked_on(
    deployment: Service, stores: Stores, picture: Image.Image, mask: Image.Image
) -> None:
    shows = picture.resize((256, 256))
    shows.paste(Image.fromarray(draw_pattern(160).astype(np.uint8)), (40, 40))
    fields = {"image": data_uri(shows), "mask": data_uri(mask.resize(shows.size))}
    held = deployment.run(**fields, prompt="a red circle")
    assert held["status"] == "held"
    assert "input.test_pattern" in [finding["rule"] for finding in held["safety"]["findings"]]
    assert (held["progress"]["step"], stores.quarantined(held)) == (0, [])
    assert stores.decisions(held) == [("prompt", "allow", "inpaintd"), ("input", "review", "inpaintd")]


def test_a_copy_of_what_the_operator_banned_is_blocked_before_it_is_worked_on(
    deployment: Service, stores: Stores, mask: Image.Image
) -> None:
    copy = ImageOps.mirror(reported()).resize(mask.size)
    ended = deployment.run(image=data_uri(copy), mask=data_uri(mask), prompt="a red circle")
    assert (ended["status"], ended["progress"]["step"], ended["images"]) == ("blocked", 0, [])
    assert "input.known_copy" in [finding["rule"] for finding in ended["safety"]["findings"]]
    assert stores.decisions(ended)[-1] == ("input", "block", "inpaintd")


def test_a_screenshot_that_lost_a_third_is_recognized(deployment: Service, tmp_path: Path) -> None:
    """Shown in a browser at 110%, cut to two thirds of each side, saved as JPEG 60: the mark leads to its job."""
    scene = Scene("coffee.png", (512, 512), Mask("box", ((0.3, 0.2), (0.6, 0.5))), "a blue heart")
    fields = {"image": data_uri(photograph(scene)), "mask": data_uri(drawn(scene.mask, scene.size)), "steps": 12}
    done = deployment.run(**fields, prompt=scene.prompt, area="masked", seed=3)
    page, box = screenshot(1.1, Image.open(BytesIO(deployment.image(done))))
    cut, file = cropped(1 / 3, (0.37, 0.71), page.crop(box)), tmp_path / "found.jpg"
    cut.save(file, "JPEG", quality=60)
    found = json.loads(deployment.command("detect", str(file), "--json"))
    assert (found["made_here"], found["suspect"]) == (True, False), found["summary"]
    assert (found["origin"]["job"], found["origin"]["model"]["name"]) == (done["id"], "inpaint-pocket")
    assert found["watermark"]["id"] == done["images"][0]["watermark_id"]
    kept = found["credentials"]
    assert (kept["found_in"], kept["signed_here"], kept["matches_pixels"]) == ("record", True, False)
    assert kept["watermark_id"] == done["images"][0]["watermark_id"]
    # The mask's box at 110%, less what was cut off at the left and at the top.
    assert np.abs(np.array(found["repainted"]) - [[99, 0, 268, 149]]).max() < 20, found["repainted"]


WORK = {"queue", "claim", "run", "load", "prepare", "check", "denoise", "mark", "save"}
PROGRAMS = {"submit": "inpaintd-api", "webhook": "inpaintd-keeper", **dict.fromkeys(WORK, "inpaintd-worker")}


def traced(deployment: Service, traceparent: str, **fields: Any) -> str:
    """The id of a new job of a caller who is in a trace."""
    with deployment.http as http:
        sent = http.post("/v1/jobs", json=fields, headers={"traceparent": traceparent})
    assert sent.status_code == 202, sent.text
    return str(sent.json()["id"])


def test_a_job_is_one_trace_from_submit_to_webhook(
    deployment: Service, collector: TraceCollector, picture: Image.Image, mask: Image.Image
) -> None:
    fields = {"image": data_uri(picture), "mask": data_uri(mask), "prompt": "a red circle", "steps": 2}
    trace, caller = secrets.token_hex(16), secrets.token_hex(8)
    with receiving() as receiver:
        job_id = traced(deployment, f"00-{trace}-{caller}-01", **fields, webhook_url=receiver.url())
        spans = collector.wait_for(set(PROGRAMS), trace)
    by_name = {span.name: span for span in spans}
    assert {name: span.program for name, span in by_name.items()} == PROGRAMS
    # The input and the result are checked.
    assert sorted(span.name for span in spans) == sorted([*PROGRAMS, "check"])
    assert by_name["submit"].parent == caller
    assert {by_name[name].parent for name in ("queue", "claim", "run", "webhook")} == {by_name["submit"].id}
    assert {by_name[name].parent for name in WORK - {"queue", "claim", "run"}} == {by_name["run"].id}
    assert by_name["submit"].about["inpaintd.job_id"] == by_name["run"].about["inpaintd.job_id"] == job_id
    assert by_name["run"].seconds >= by_name["denoise"].seconds
    for name, event in (("api", "job_accepted"), ("worker", "job_finished"), ("keeper", "webhook_sent")):
        text = (deployment.folder / f"{name}.log").read_text()
        (line,) = [line for line in text.splitlines() if event in line and job_id in line]
        assert f"trace_id={trace}" in line


def test_jobs_have_traces_of_their_own_unless_the_caller_wants_none(
    deployment: Service, collector: TraceCollector, picture: Image.Image, mask: Image.Image
) -> None:
    fields = {"image": data_uri(picture), "mask": data_uri(mask), "prompt": "a red circle", "steps": 2}
    before, unwanted = collector.begun, secrets.token_hex(16)
    traced(deployment, f"00-{unwanted}-{secrets.token_hex(8)}-00", **fields)
    traced(deployment, "00-nonsense", **fields)
    body = "".join(json.dumps(fields) + "\n" for _ in range(2))
    with deployment.http as http:
        http.post("/v1/batches", content=body, headers={"Content-Type": "application/x-ndjson"}).raise_for_status()
    with collector.changed:
        assert collector.changed.wait_for(lambda: len(collector.begun - before) == 3, 60)
    for trace in collector.begun - before:
        assert {span.name for span in collector.wait_for({"run"}, trace)} == set(PROGRAMS) - {"webhook"}
    assert collector.of(unwanted) == []


def test_jobs_go_on_after_redis_was_emptied(deployment: Service, picture: Image.Image, mask: Image.Image) -> None:
    fields = {"image": data_uri(picture), "mask": data_uri(mask), "prompt": "a pink heart", "steps": 4}
    submitted = [deployment.submit(**fields) for _ in range(3)]
    redis.Redis.from_url(deployment.env["INPAINTD_REDIS_URL"]).flushall()
    assert [deployment.get(job["id"], wait=60)["status"] for job in submitted] == ["succeeded"] * 3


def test_cancel_stops_a_running_job(deployment: Service, picture: Image.Image, mask: Image.Image) -> None:
    job = deployment.submit(
        image=data_uri(picture), mask=data_uri(mask), prompt="a white ring", steps=150, num_images=8
    )
    deployment.await_state(job["id"], "running")
    with deployment.http as http:
        http.post(job["links"]["cancel"]).raise_for_status()
    ended = deployment.get(job["id"], wait=60)
    assert ended["status"] == "canceled"
    assert ended["receipt"]["actual_steps"] < 150


def test_logs_hold_no_secret(deployment: Service, job: dict[str, Any]) -> None:
    for log in Path(deployment.folder).glob("*.log"):
        text = log.read_text()
        assert MARK_SECRET not in text
        assert deployment.key not in text
        assert deployment.env["INPAINTD_S3_SECRET_KEY"] not in text
