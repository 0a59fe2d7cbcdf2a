"""POST /v1/detect: what it says of pictures made here, changed, forged and foreign, and what it tells to whom."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from producer.api.address_limit import BURST
from producer.api.detect import BUSY_SECONDS, Examiners
from producer.errors import ComeAgain
from safety.certificate import open_authority
from safety.credentials import Claim, Signed, sign
from safety.errors import CredentialsError
from safety.fingerprint import fingerprint
from safety.mark_keys import MarkKeys
from safety.settings import SafetySettings
from safety.watermark import Mark, embed
from storage.job import JobResult, ResultImage
from storage.mark import MarkRecord
from tests.contract.api.serving import Stack, Tenant, claim, encoded, running
from tests.contract.api.test_bad_input import refused
from tests.objects import keys

SECRET = "a secret for tests only"
MASK_BOX = (128, 160, 448, 384)


@pytest.fixture(scope="module")
def safety(tmp_path_factory: pytest.TempPathFactory) -> SafetySettings:
    return SafetySettings(mark_secret=SECRET, credentials_dir=tmp_path_factory.mktemp("credentials"))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, safety: SafetySettings) -> Iterator[Stack]:
    """A server that knows the mark and the authority."""
    with running(tmp_path_factory.mktemp("detect"), safety=safety) as stack:
        yield stack


def scene(seed: int, size: tuple[int, int] = (640, 512)) -> Image.Image:
    """A picture of soft blobs, as varied as a photograph and unlike that of any other seed."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (size[1] // 24, size[0] // 24, 3), dtype=np.uint8))
    blobs = small.resize(size, Image.Resampling.BICUBIC)
    grain = rng.integers(0, 24, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(np.clip(np.asarray(blobs, np.int16) * 0.8 + 16 + grain, 0, 255).astype(np.uint8))


@dataclass(frozen=True)
class Made:
    """A result as a worker would have left it."""

    job: str
    mark: Mark
    pixels: Image.Image
    signed: Signed


def made(tenant: Tenant, safety: SafetySettings, seed: int = 1, chance: bytes | None = None) -> Made:
    """Does a worker's part for a job of `tenant`: marks, signs, stores and records one picture."""
    services = tenant.stack.services
    job = claim(services, tenant.accepted()["id"])
    picture = scene(seed)
    pixels, mark = embed(picture, MarkKeys.from_secret(SECRET), rng_seed=chance)
    statement = Claim(job.id, "pocket", "0.1.0", MASK_BOX, mark.id)
    signed = sign(encoded(pixels), "image/png", statement, open_authority(safety))
    name = f"{job.id}/1-0-{seed:016x}"
    services.objects.put(f"results/{name}", signed.data, "image/png")
    services.objects.put(f"manifests/{name}", signed.manifest, "application/c2pa")
    look = fingerprint(picture).as_dict()
    where = f"manifests/{name}", hashlib.sha256(signed.manifest).hexdigest()
    record = MarkRecord(mark.id, mark.key_id, 0, *picture.size, MASK_BOX, look, *where)
    digest = hashlib.sha256(signed.data).hexdigest()
    image = ResultImage(0, f"results/{name}", digest, *picture.size, "image/png", 7, mark.id)
    model = {"alias": "default", "name": "pocket", "sha256": "5" * 64}
    assert services.jobs.succeed(job, JobResult((image,), {}, job.safety, model, (record,)))
    return Made(job.id, mark, pixels, signed)


def ask(tenant: Tenant, data: bytes) -> dict[str, Any]:
    """The detector's answer."""
    answer = tenant.http.post("/v1/detect", files={"file": ("picture", data)})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_file_as_it_left_is_proven_to_be_from_here(tenant: Tenant, safety: SafetySettings) -> None:
    mine = made(tenant, safety)
    found = ask(tenant, mine.signed.data)
    assert (found["made_here"], found["suspect"]) == (True, False)
    unchanged = {"size": 1.0, "degrees": 0.0, "mirrored": False}
    assert found["watermark"] == {"id": mine.mark.id, "key_id": mine.mark.key_id, "shape": unchanged}
    assert found["credentials"] == {
        "found_in": "file",
        "signed_here": True,
        "trusted": True,
        "matches_pixels": True,
        "issuer": "inpaintd",
        "model": "pocket",
        "software_version": "0.1.0",
        "watermark_id": mine.mark.id,
        "parent_watermark_id": None,
        "problems": [],
    }
    assert found["repainted"] == [list(MASK_BOX)]
    assert (found["width"], found["height"]) == (640, 512)
    assert "has not been changed since" in found["summary"][0]


def test_the_job_is_told_to_its_own_tenant_and_date_and_model_to_everybody(
    stack: Stack, tenant: Tenant, safety: SafetySettings
) -> None:
    mine = made(tenant, safety)
    own = ask(tenant, mine.signed.data)["origin"]
    stranger = stack.tenant("a stranger", "read")
    with stranger.http:
        foreign = ask(stranger, mine.signed.data)
    assert (own["job"], own["index"], own["model"]) == (mine.job, 0, {"name": "pocket", "sha256": "5" * 64})
    assert foreign["origin"] == {**own, "job": None, "index": None}
    assert foreign["origin"]["made_at"].endswith("Z")
    assert mine.job not in str(foreign)
    assert tenant.id not in str(foreign)


def test_credentials_that_the_file_lost_are_found_by_its_mark(tenant: Tenant, safety: SafetySettings) -> None:
    mine = made(tenant, safety)
    found = ask(tenant, encoded(mine.pixels, "JPEG", quality=85))
    assert (found["made_here"], found["suspect"]) == (True, False)
    credentials = found["credentials"]
    assert (credentials["found_in"], credentials["signed_here"], credentials["matches_pixels"]) == (
        "record",
        True,
        False,
    )
    assert (credentials["model"], credentials["watermark_id"]) == ("pocket", mine.mark.id)
    assert near(found["repainted"], MASK_BOX)


def screenshot(picture: Image.Image) -> Image.Image:
    """Shown smaller on a screen, and cut so that a third of each side is gone."""
    shown = picture.resize((512, 410))
    return shown.crop((60, 40, 401, 313))


@pytest.mark.parametrize(
    ("change", "kind", "shape", "repainted"),
    [
        (lambda picture: picture.crop((0, 0, 432, 352)), "PNG", (1, 0, False), (128, 160, 432, 352)),
        (lambda picture: picture.crop((213, 171, 640, 512)), "JPEG", (1, 0, False), (0, 0, 235, 213)),
        (screenshot, "JPEG", (0.8, 0, False), (42, 88, 298, 267)),
        (ImageOps.mirror, "PNG", (1, 0, True), (192, 160, 512, 384)),
        (lambda picture: picture.rotate(-90, expand=True), "WEBP", (1, 90, False), (128, 128, 352, 448)),
    ],
    ids=["cut", "cut to two thirds, JPEG 60", "screenshot", "mirrored", "turned"],
)
def test_a_changed_copy_is_recognized_and_its_repainted_part_is_where_it_now_lies(
    tenant: Tenant,
    safety: SafetySettings,
    change: Callable[[Image.Image], Image.Image],
    kind: str,
    shape: tuple[float, float, bool],
    repainted: tuple[int, int, int, int],
) -> None:
    mine = made(tenant, safety)
    quality = {} if kind == "PNG" else {"quality": 60 if kind == "JPEG" else 80}
    found = ask(tenant, encoded(change(mine.pixels), kind, **quality))
    assert (found["made_here"], found["suspect"], found["watermark"]["id"]) == (True, False, mine.mark.id)
    assert found["credentials"]["found_in"] == "record"
    assert near(found["repainted"], repainted)
    seen = found["watermark"]["shape"]
    assert (round(seen["size"], 1), round(seen["degrees"]), seen["mirrored"]) == shape


def test_a_quick_look_does_not_search(tenant: Tenant, safety: SafetySettings) -> None:
    data = encoded(ImageOps.mirror(made(tenant, safety).pixels))
    answer = tenant.http.post("/v1/detect?search=false", content=data)
    assert (answer.status_code, answer.json()["watermark"]) == (200, None)


def near(boxes: list[list[int]], expected: tuple[int, int, int, int]) -> bool:
    """Whether the one box is the expected one, to half a cell of the fingerprint."""
    (box,) = boxes
    return bool(np.abs(np.subtract(box, expected)).max() <= 16)


def test_a_mark_copied_onto_another_picture_is_reported(tenant: Tenant, safety: SafetySettings) -> None:
    mine = made(tenant, safety, seed=1)
    residue = np.asarray(mine.pixels, np.int16) - np.asarray(scene(1), np.int16)
    other = scene(2).filter(ImageFilter.GaussianBlur(2))
    forged = np.clip(np.asarray(other, np.int16) + 2 * residue, 0, 255).astype(np.uint8)
    found = ask(tenant, encoded(Image.fromarray(forged)))
    assert found["watermark"]["id"] == mine.mark.id
    assert (found["made_here"], found["suspect"]) == (False, True)
    assert (found["origin"], found["credentials"], found["repainted"]) == (None, None, [])
    assert "copied onto it" in found["summary"][0]


def test_credentials_moved_to_another_picture_are_reported(tenant: Tenant, safety: SafetySettings) -> None:
    mine = made(tenant, safety, seed=1)
    moved = with_credentials_of(mine.signed.data, encoded(scene(2)))
    found = ask(tenant, moved)
    assert (found["made_here"], found["suspect"], found["watermark"]) == (False, True, None)
    credentials = found["credentials"]
    assert (credentials["signed_here"], credentials["trusted"], credentials["matches_pixels"]) == (True, False, False)


def test_a_changed_file_is_from_here_but_not_as_it_was_signed(tenant: Tenant, safety: SafetySettings) -> None:
    mine = made(tenant, safety)
    touched = mine.pixels.copy()
    touched.paste((255, 0, 0), (200, 200, 210, 210))
    found = ask(tenant, with_credentials_of(mine.signed.data, encoded(touched)))
    assert (found["made_here"], found["suspect"]) == (True, False)
    assert (found["credentials"]["signed_here"], found["credentials"]["matches_pixels"]) == (True, False)
    assert "changed after it was signed" in found["summary"][1]


def with_credentials_of(signed: bytes, plain: bytes) -> bytes:
    """The PNG `plain` with the chunk of credentials of the PNG `signed`."""
    at = signed.index(b"caBX") - 4
    chunk = signed[at : at + 12 + int.from_bytes(signed[at : at + 4], "big")]
    return plain[:33] + chunk + plain[33:]


def test_what_is_not_from_here_is_not_said_to_be(tenant: Tenant) -> None:
    found = ask(tenant, encoded(scene(3)))
    assert (found["made_here"], found["suspect"]) == (False, False)
    assert (found["watermark"], found["credentials"], found["origin"], found["repainted"]) == (None, None, None, [])
    assert "no proof" in found["summary"][0]


def test_a_mark_without_a_record_accuses_nobody(tenant: Tenant) -> None:
    pixels, mark = embed(scene(4), MarkKeys.from_secret(SECRET))
    found = ask(tenant, encoded(pixels))
    assert found["watermark"]["id"] == mark.id
    assert (found["made_here"], found["suspect"], found["origin"]) == (None, None, None)
    assert "nothing is on record" in found["summary"][0]


def test_pictures_that_share_an_id_are_told_apart(tenant: Tenant, safety: SafetySettings) -> None:
    first, second = (made(tenant, safety, seed, chance=b"the same") for seed in (1, 2))
    assert first.mark.id == second.mark.id
    for mine in (first, second):
        assert ask(tenant, encoded(mine.pixels, "JPEG", quality=90))["origin"]["job"] == mine.job


def test_stored_credentials_that_are_gone_or_changed_are_not_shown(tenant: Tenant, safety: SafetySettings) -> None:
    mine, objects = made(tenant, safety), tenant.stack.services.objects
    (key,) = [key for key in keys(objects, "manifests/") if mine.job in key]
    objects.put(key, mine.signed.manifest + b"x", "application/c2pa")
    changed = ask(tenant, encoded(mine.pixels))
    objects.delete(key)
    gone = ask(tenant, encoded(mine.pixels))
    for found in (changed, gone):
        assert (found["made_here"], found["credentials"], found["origin"]["job"]) == (True, None, mine.job)


def test_an_operators_certificate_that_cannot_be_read_stops_the_api(tmp_path: Path) -> None:
    broken = SafetySettings(
        mark_secret=SECRET, certificate=tmp_path / "none.pem", certificate_key=tmp_path / "none.key"
    )
    with pytest.raises(CredentialsError, match=r"none\.pem"), running(tmp_path, safety=broken):
        pass


def test_nothing_that_was_examined_is_kept(tenant: Tenant, safety: SafetySettings) -> None:
    mine = made(tenant, safety)
    services = tenant.stack.services
    before = keys(services.objects), tenant.left_behind()
    ask(tenant, mine.signed.data)
    assert (keys(services.objects), tenant.left_behind()) == before


def test_the_body_may_be_the_picture_itself(tenant: Tenant, safety: SafetySettings) -> None:
    mine = made(tenant, safety)
    for kind in ("image/png", "application/octet-stream"):
        answer = tenant.http.post("/v1/detect", content=mine.signed.data, headers={"content-type": kind})
        assert answer.json()["made_here"] is True


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "image_empty"), (b"text", "image_type_unsupported"), (b"\x89PNG\r\n\x1a\nIEND", "image_truncated")],
)
def test_what_is_no_picture_is_refused(tenant: Tenant, data: bytes, code: str) -> None:
    refused(tenant.http.post("/v1/detect", content=data, headers={"content-type": "image/png"}), 422, code, "file")


def test_pictures_beyond_the_limits_are_refused(tmp_path: Path, safety: SafetySettings) -> None:
    limits = {"max_pixels": 10_000, "max_body_bytes": 200_000}
    with running(tmp_path, safety=safety, **limits) as stack, stack.tenant("acme").http as http:
        refused(http.post("/v1/detect", content=encoded(scene(1, (240, 240)))), 422, "image_too_large", "file")
        refused(http.post("/v1/detect", content=bytes(300_000)), 413, "body_too_large")


def test_a_key_is_needed_unless_the_operator_says_otherwise(stack: Stack) -> None:
    refused(httpx.post(f"{stack.url}/v1/detect", content=encoded(scene(1))), 401, "key_missing")


def test_anybody_may_ask_a_few_times_where_the_operator_allows_it(tmp_path: Path, safety: SafetySettings) -> None:
    picture = encoded(scene(1, (96, 96)))
    with running(tmp_path, safety=safety, public_detect=True, public_detect_per_minute=0.5) as stack:
        url, tenant = f"{stack.url}/v1/detect", stack.tenant("acme", "submit")
        answers = [httpx.post(url, content=picture) for _ in range(BURST + 1)]
        assert [answer.status_code for answer in answers] == [200] * BURST + [429]
        refused(answers[-1], 429, "too_many_requests")
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 120
        with tenant.http:
            assert ask(tenant, picture)["made_here"] is False
        refused(httpx.post(url, content=picture, headers={"authorization": "Bearer ipd_wrong"}), 401, "key_invalid")


def test_a_line_that_is_full_says_when_to_come_again() -> None:
    examiners, go_on = Examiners(), threading.Event()

    def hold() -> Any:
        go_on.wait(30)

    async def crowd() -> list[ComeAgain]:
        waiting = [asyncio.ensure_future(examiners.examine(hold)) for _ in range(examiners.places)]
        await asyncio.sleep(0)
        refusals = await asyncio.gather(*(examiners.examine(hold) for _ in range(3)), return_exceptions=True)
        go_on.set()
        await asyncio.gather(*waiting)
        await examiners.examine(hold)
        return refusals

    refusals = asyncio.run(crowd())
    assert [(type(refusal), refusal.code, refusal.retry_after) for refusal in refusals] == [
        (ComeAgain, "detector_busy", BUSY_SECONDS)
    ] * 3


def test_without_secret_or_certificates_there_is_no_detector(tmp_path: Path) -> None:
    with running(tmp_path) as stack, stack.tenant("acme").http as http:
        refused(http.post("/v1/detect", content=b"any"), 503, "detector_off")


def test_without_the_secret_credentials_are_still_read(tmp_path: Path, tenant: Tenant, safety: SafetySettings) -> None:
    mine = made(tenant, safety)
    with running(tmp_path, safety=SafetySettings(credentials_dir=safety.credentials_dir)) as stack:
        asking = stack.tenant("acme")
        with asking.http:
            assert ask(asking, mine.signed.data)["made_here"] is True
            unknown = ask(asking, encoded(mine.pixels))
        assert (unknown["made_here"], unknown["watermark"]) == (None, None)
        assert "could not be looked for" in unknown["summary"][0]


def test_credentials_that_were_tampered_with_are_not_ours(tenant: Tenant, safety: SafetySettings) -> None:
    claim, authority = Claim("job_1", "pocket", "0.1.0", MASK_BOX, "0" * 9), open_authority(safety)
    signed = sign(encoded(scene(3), "JPEG"), "image/jpeg", claim, authority).data
    assert ask(tenant, signed)["credentials"]["trusted"]
    found = ask(tenant, signed.replace(b"pocket", b"locket"))
    assert not found["credentials"]["signed_here"]
    assert (found["made_here"], found["origin"]) == (False, None)
    assert "not valid" in found["summary"][1]
