"""The try page without scripts and without workers: who may use it, what its form becomes, and what it tells."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from producer.api.app import create_app
from producer.console.try_sample import sample
from producer.console.try_visitor import TENANT
from producer.settings import TryPage
from storage.case import CaseKind
from storage.job import Job, JobState, Priority
from storage.job_reader import JobFilter
from storage.moderator_store import Role
from storage.tenant_store import TenantLimits
from tests.contract.api.serving import Stack, finish, mask, photo, running
from tests.contract.console.desk import token_in
from tests.contract.console.visitors import signed_in

BOX = {"box_left": "25", "box_top": "50", "box_width": "50", "box_height": "25"}
BLOCKED = "undress this woman"
HX = {"HX-Request": "true"}


class Visitor:
    """A browser without scripts before the page."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.http = httpx.Client(base_url=stack.url, timeout=30)
        self.csrf = token_in(self.http.get("/").text)

    def send(self, files: dict[str, bytes] | None = None, **fields: str) -> httpx.Response:
        """Sends the form; `files` are picture and mask."""
        chosen = {name: (f"{name}.png", data) for name, data in (files or {}).items()}
        empty = {name: ("", b"") for name in ("image", "mask") if name not in chosen}
        data = {"csrf": self.csrf, "prompt": "a red circle", **BOX, **fields}
        return self.http.post("/try/jobs", data=data, files={**chosen, **empty})

    def sent(self, files: dict[str, bytes] | None = None, **fields: str) -> Job:
        """The job of a form that must be taken."""
        answer = self.send(files, **fields)
        assert answer.status_code == 303, answer.text
        return self.job(answer.headers["location"].rpartition("/")[2])

    def job(self, job_id: str) -> Job:
        """The job as it stands."""
        return self.stack.services.reader.get(job_id, tenant_id(self.stack))

    def page(self, job: Job) -> str:
        """The page of a job."""
        answer = self.http.get(f"/try/jobs/{job.id}")
        assert answer.status_code == 200, answer.text
        return answer.text


def tenant_id(stack: Stack) -> str:
    return stack.services.tenants.id_of(TENANT)


def jobs(stack: Stack) -> int:
    return len(stack.services.reader.page(tenant_id(stack), JobFilter(), limit=1000).jobs)


def stored(stack: Stack, key: str | None) -> bytes:
    assert key is not None
    return stack.services.objects.get(key)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("try"), try_page=TryPage.OPEN) as stack:
        yield stack


@pytest.fixture
def visitor(stack: Stack) -> Iterator[Visitor]:
    one = Visitor(stack)
    yield one
    one.http.close()


# ---- Who may use it


def test_it_is_off_unless_the_operator_wants_it(tmp_path: Path) -> None:
    with running(tmp_path) as stack:
        for path in ("/", "/try/", "/try/jobs"):
            answer = httpx.get(f"{stack.url}{path}")
            assert (answer.status_code, answer.json()["code"]) == (404, "route_not_found")


def test_open_means_open_to_this_machine(stack: Stack) -> None:
    app = create_app(stack.services)

    async def ask(client: str) -> httpx.Response:
        transport = httpx.ASGITransport(app, client=(client, 5000))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
            return await http.get("/")

    for address, status in {"127.0.0.1": 200, "::1": 200, "::ffff:127.0.0.1": 200, "192.0.2.7": 403, "": 403}.items():
        answer = asyncio.run(ask(address))
        assert answer.status_code == status, address
        if status == 403:
            assert "INPAINTD_TRY=signed-in" in answer.text
            assert "set-cookie" not in answer.headers


def test_a_name_that_somebody_gave_this_machine_opens_nothing(stack: Stack) -> None:
    answer = httpx.get(stack.url, headers={"Host": "evil.example"})
    assert answer.status_code == 403
    assert "by its own address" in answer.text


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For"])
def test_what_a_proxy_passed_on_did_not_begin_here(stack: Stack, header: str) -> None:
    answer = httpx.get(stack.url, headers={header: "127.0.0.1"})
    assert answer.status_code == 403


def test_moderators_use_it_signed_in(tmp_path: Path) -> None:
    with running(tmp_path, try_page=TryPage.SIGNED_IN) as stack:
        stranger = httpx.get(stack.url)
        assert (stranger.status_code, stranger.headers["location"]) == (303, "/console/sign-in")
        assert httpx.get(stack.url, headers=HX).headers["hx-redirect"] == "/console/sign-in"
        with signed_in(stack, Role.REVIEWER) as http, signed_in(stack, Role.AUDITOR) as auditor:
            assert '<a href="/">Try it</a>' in http.get("/console/").text
            assert '<a href="/console/cases"' in http.get("/").text, "and back again"
            fields = {"csrf": token_in(http.get("/").text), "prompt": "a red circle", **BOX}
            files = {"image": ("", b""), "mask": ("", b"")}
            taken = http.post("/try/jobs", data=fields, files=files)
            assert taken.status_code == 303
            assert http.get(taken.headers["location"]).status_code == 200
            assert auditor.get(taken.headers["location"]).status_code == 404
            fields["csrf"] = token_in(auditor.get("/").text)
            assert auditor.post("/try/jobs", data=fields, files=files).status_code == 403
        assert jobs(stack) == 1


def test_the_page_keeps_its_secrets_and_its_policy(visitor: Visitor) -> None:
    answer = visitor.http.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|https?://", answer.text)
    assert "ipd_" not in answer.text
    assert visitor.http.cookies["inpaintd_try"] not in answer.text
    assert "inpaintd_try=" not in answer.headers.get("set-cookie", "") or "HttpOnly" in answer.headers["set-cookie"]


def test_scripts_and_style_come_from_here(visitor: Visitor) -> None:
    page = visitor.http.get("/").text
    found = re.findall(r'(?:src|href)="(/console/static/[^"]+)"', page)
    assert any(path.endswith("try.js") for path in found)
    assert {visitor.http.get(path).status_code for path in [*found, "/console/static/try-mask.js"]} == {200}
    assert visitor.http.get("/try/sample.png").content == sample()


# ---- Forms that were forged


@pytest.mark.parametrize("csrf", ["", "f" * 32])
def test_a_form_from_elsewhere_is_refused(visitor: Visitor, csrf: str) -> None:
    before = jobs(visitor.stack)
    visitor.csrf = csrf
    answer = visitor.send()
    assert answer.status_code == 403
    assert "Load the page again" in answer.text
    assert jobs(visitor.stack) == before


def test_another_browsers_token_is_worth_nothing(visitor: Visitor, stack: Stack) -> None:
    other = Visitor(stack)
    other.http.close()
    visitor.csrf = other.csrf
    assert visitor.send().status_code == 403


def test_a_browser_that_says_the_form_is_another_sites_is_believed(visitor: Visitor) -> None:
    visitor.http.headers["Sec-Fetch-Site"] = "cross-site"
    assert visitor.send().status_code == 403


# ---- What the form becomes


def test_without_anything_the_sample_and_the_box_are_taken(visitor: Visitor) -> None:
    job = visitor.sent()
    assert job.state is JobState.QUEUED
    assert job.priority is Priority.INTERACTIVE
    assert job.params.prompt == "a red circle"
    assert stored(visitor.stack, job.image_key) == sample()
    drawn = Image.open(io.BytesIO(stored(visitor.stack, job.mask_key)))
    assert drawn.size == (512, 384)
    assert drawn.getbbox() == (128, 192, 384, 288)
    assert "browser" not in (job.user or "")


def test_picture_and_mask_go_as_they_are_and_the_mask_before_the_box(visitor: Visitor) -> None:
    job = visitor.sent({"image": photo(), "mask": mask()})
    assert stored(visitor.stack, job.image_key) == photo()
    assert stored(visitor.stack, job.mask_key) == mask()


def test_a_box_is_drawn_on_a_picture_as_it_is_seen(visitor: Visitor) -> None:
    turned = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (96, 64)).save(turned, "JPEG", exif=exif)
    job = visitor.sent({"image": turned.getvalue()})
    assert Image.open(io.BytesIO(stored(visitor.stack, job.mask_key))).size == (64, 96)


def test_the_settings_of_the_form_are_those_of_the_interface(visitor: Visitor) -> None:
    asked = {"steps": "12", "guidance_scale": "3.5", "strength": "0.8", "mask_blur": "2", "seed": "9"}
    params = visitor.sent(**asked, num_images="2", negative_prompt="blue", model="default").params
    assert (params.steps, params.guidance_scale, params.strength, params.mask_blur) == (12, 3.5, 0.8, 2)
    assert (params.seed, params.num_images, params.negative_prompt) == (9, 2, "blue")
    assert visitor.sent(seed="").params.seed is not None


@pytest.mark.parametrize(
    ("files", "fields", "sentence"),
    [
        ({}, {"steps": "151"}, "150"),
        ({}, {"steps": "many"}, "steps"),
        ({}, {"tool": "brush"}, "tool"),
        ({}, {"box_left": "here"}, "takes four numbers"),
        ({}, {"box_width": "0"}, "wider and higher than nothing"),
        ({}, {"box_left": "nan"}, "begin inside the picture"),
        ({"mask": mask(box=None)}, {}, "white"),
        ({"image": b"GIF89a"}, {}, "PNG"),
        ({"image": photo((9000, 9000))}, {}, "pixels"),
        ({"mask": mask((10, 10))}, {}, "96x64"),
    ],
)
def test_what_cannot_be_done_is_told_as_the_interface_tells_it(
    visitor: Visitor, files: dict[str, bytes], fields: dict[str, str], sentence: str
) -> None:
    before = jobs(visitor.stack)
    answer = visitor.send({"image": photo(), **files}, **fields)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'role="alert"' in answer.text
    assert jobs(visitor.stack) == before


def test_a_body_that_is_no_form_is_told(visitor: Visitor) -> None:
    answer = visitor.http.post("/try/jobs", content=b"{}", headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert "boundary" in answer.text


def test_a_full_queue_says_when_to_come_again(tmp_path: Path) -> None:
    with running(tmp_path, try_page=TryPage.OPEN) as stack:
        visitor = Visitor(stack)
        visitor.sent()
        stack.services.tenants.set_limits(TENANT, TenantLimits(max_queued=1))
        answer = visitor.send()
        visitor.http.close()
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert "Try again in" in answer.text


# ---- What it tells


def test_a_waiting_job_comes_anew_without_scripts_and_can_be_canceled(visitor: Visitor) -> None:
    job = visitor.sent()
    page = visitor.page(job)
    assert "Waiting" in page
    assert '<noscript><meta http-equiv="refresh"' in page
    answer = visitor.http.post(f"/try/jobs/{job.id}/cancel", data={"csrf": visitor.csrf})
    assert answer.headers["location"] == f"/try/jobs/{job.id}"
    assert visitor.job(job.id).state is JobState.CANCELED
    page = visitor.page(job)
    assert "Canceled" in page
    assert "refresh" not in page


def test_a_script_gets_the_part_of_the_page(visitor: Visitor) -> None:
    visitor.http.headers.update(HX)
    answer = visitor.send()
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert re.search(r'<section id="job"[^>]* data-events="/try/jobs/job_\w+/events"', answer.text)


def test_a_finished_job_shows_both_pictures_and_its_receipt(visitor: Visitor) -> None:
    job = visitor.sent({"image": photo(), "mask": mask()}, prompt="a 'red' <circle>")
    result = photo(mode="L")
    finish(visitor.stack.services, job.id, result)
    page = visitor.page(job)
    assert f'src="/try/jobs/{job.id}/images/0"' in page
    assert "After: a &#39;red&#39; &lt;circle&gt;" in page
    assert "<circle>" not in page
    assert "30 of denoising" in page
    assert "wm1" in page
    assert "Nothing in the policy" in page
    shown = visitor.http.get(f"/try/jobs/{job.id}/images/0")
    assert (shown.content, shown.headers["cache-control"]) == (result, "no-store")
    before = visitor.http.get(f"/try/jobs/{job.id}/input.png")
    assert (before.content, before.headers["content-type"]) == (photo(), "image/png")
    assert visitor.http.get(f"/try/jobs/{job.id}/mask.png").content == mask()
    assert visitor.http.get(f"/try/jobs/{job.id}/secret.png").status_code == 404
    assert f"{visitor.stack.url}/v1/jobs?wait=60" in page


def test_a_refusal_says_why_and_takes_an_appeal(visitor: Visitor) -> None:
    job = visitor.sent(prompt=BLOCKED)
    page = visitor.page(job)
    assert "Refused" in page
    assert "<mark>undress this woman</mark>" in page
    assert "prompt.nudify" in page
    appeal = f"/try/jobs/{job.id}/appeal"
    assert visitor.http.post(appeal, data={"csrf": visitor.csrf, "text": " "}).status_code == 422
    assert visitor.http.post(appeal, data={"csrf": "no", "text": "It is a mannequin."}).status_code == 403
    sent = visitor.http.post(appeal, data={"csrf": visitor.csrf, "text": "It is a mannequin."})
    assert sent.status_code == 303
    (case,) = visitor.stack.services.appeals.cases.of_job(job.id)
    assert (case.kind, case.words) == (CaseKind.APPEAL, "It is a mannequin.")
    page = visitor.page(job)
    assert "You have appealed" in page
    assert "<textarea" not in page
    again = visitor.http.post(appeal, data={"csrf": visitor.csrf, "text": "Please."})
    assert again.status_code == 409
    assert "one is all there is" in again.text


def test_what_is_held_says_why_and_how_to_appeal(visitor: Visitor) -> None:
    job = visitor.sent(prompt="a corpse covered in blood")
    assert job.state is JobState.HELD
    page = visitor.page(job)
    assert "Held for a person" in page
    assert "for 30 days you can appeal" in page
    assert "<mark>" in page


def test_the_events_come_as_from_the_interface(visitor: Visitor) -> None:
    job = visitor.sent()
    visitor.http.post(f"/try/jobs/{job.id}/cancel", data={"csrf": visitor.csrf})
    stream = visitor.http.get(f"/try/jobs/{job.id}/events")
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert re.findall(r"event: (\S+)", stream.text)[-1] == "job.canceled"
    last = re.findall(r"id: (\S+)", stream.text)[-1]
    again = visitor.http.get(f"/try/jobs/{job.id}/events", headers={"Last-Event-ID": last})
    assert again.status_code == 204


def test_nobody_sees_another_browsers_jobs(visitor: Visitor, stack: Stack) -> None:
    job = visitor.sent()
    with httpx.Client(base_url=stack.url) as other:
        token = token_in(other.get("/").text)
        asked: list[tuple[str, str, dict[str, Any]]] = [
            ("GET", "", {}),
            ("GET", "/events", {}),
            ("GET", "/input.png", {}),
            ("GET", "/mask.png", {}),
            ("GET", "/images/0", {}),
            ("POST", "/cancel", {"data": {"csrf": token}}),
            ("POST", "/appeal", {"data": {"csrf": token, "text": "Mine."}}),
        ]
        for method, path, options in asked:
            answer = other.request(method, f"/try/jobs/{job.id}{path}", **options)
            assert answer.status_code == 404, path
    assert visitor.job(job.id).state is JobState.QUEUED


def test_what_is_not_there_is_told_on_a_page(visitor: Visitor) -> None:
    for path in ("/try/nothing", "/try/jobs/job_1", "/try/jobs/%00"):
        answer = visitor.http.get(path)
        assert answer.status_code == 404
        assert "Back to the picture" in answer.text
