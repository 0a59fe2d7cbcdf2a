"""What cannot be carried out gets a code and a sentence, before any work, and leaves nothing behind."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from producer.api.orders import order_from_json
from storage.errors import TenantNotFound
from tests.contract.api.serving import Tenant, data_uri, encoded, mask, photo, request, running
from tests.objects import keys

JSON = {"content-type": "application/json"}


def animation() -> bytes:
    frames = [Image.new("RGB", (96, 64), color) for color in ("red", "blue", "green")]
    return encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)


def claimed_size(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header claims any size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + photo()[33:]


PICTURES: dict[str, tuple[bytes, str]] = {
    "truncated": (photo()[:-30], "image_truncated"),
    "zero-byte": (b"", "image_empty"),
    "100 megapixels": (claimed_size(10_000, 10_000), "image_too_large"),
    "animated": (animation(), "image_animated"),
    "CMYK": (encoded(Image.new("CMYK", (96, 64)), "JPEG"), "image_mode_unsupported"),
    "16-bit": (encoded(Image.new("I;16", (96, 64))), "image_mode_unsupported"),
    "GIF": (encoded(Image.new("L", (96, 64)), "GIF"), "image_type_unsupported"),
    "text": (b"<svg onload=alert(1)>", "image_type_unsupported"),
}
MASKS: dict[str, tuple[bytes, str]] = {
    "other size": (mask((64, 96)), "mask_size_mismatch"),
    "empty": (mask(box=None), "mask_empty"),
    "truncated": (mask()[:-20], "image_truncated"),
    "text": (b"mask", "image_type_unsupported"),
}
FIELDS: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown": ({"promt": "x"}, "promt", "field_unknown"),
    "unknown, called as a place": ({"body": "x"}, "body", "field_unknown"),
    "unknown inside output, called as a place": ({"output": {"path": 1}}, "output.path", "field_unknown"),
    "unknown inside output": ({"output": {"dpi": 300}}, "output.dpi", "field_unknown"),
    "steps too many": ({"steps": 151}, "steps", "out_of_range"),
    "steps none": ({"steps": 0}, "steps", "out_of_range"),
    "steps null": ({"steps": None}, "steps", "wrong_type"),
    "steps text": ({"steps": "30"}, "steps", "wrong_type"),
    "steps true": ({"steps": True}, "steps", "wrong_type"),
    "strength zero": ({"strength": 0}, "strength", "out_of_range"),
    "width odd": ({"width": 500}, "width", "out_of_range"),
    "seed": ({"seed": 2**32}, "seed", "out_of_range"),
    "seed -2": ({"seed": -2}, "seed", "out_of_range"),
    "images": ({"num_images": 9}, "num_images", "out_of_range"),
    "quality": ({"output": {"quality": 0}}, "output.quality", "out_of_range"),
    "scheduler": ({"scheduler": "euler_z"}, "scheduler", "not_a_choice"),
    "priority": ({"priority": "urgent"}, "priority", "not_a_choice"),
    "deadline": ({"deadline_seconds": 0}, "deadline_seconds", "out_of_range"),
    "prompt too long": ({"prompt": "x" * 4001}, "prompt", "wrong_length"),
    "NUL in prompt": ({"prompt": "a\0b"}, "prompt", "text_invalid"),
    "NUL in negative prompt": ({"negative_prompt": "\0"}, "negative_prompt", "text_invalid"),
    "NUL in user": ({"user": "\0"}, "user", "text_invalid"),
    "NUL in metadata": ({"metadata": {"a": ["\0"]}}, "metadata", "text_invalid"),
    "NUL in a metadata key": ({"metadata": {"\0": 1}}, "metadata", "text_invalid"),
    "metadata of 17 keys": ({"metadata": {str(n): n for n in range(17)}}, "metadata", "metadata_invalid"),
    "metadata of 5 kB": ({"metadata": {"a": "x" * 5000}}, "metadata", "metadata_invalid"),
    "metadata with a huge number": ({"metadata": {"a": 10**400}}, "metadata", "metadata_invalid"),
    "metadata null": ({"metadata": None}, "metadata", "wrong_type"),
    "batch too long": ({"batch": "x" * 41}, "batch", "wrong_length"),
    "model unknown": ({"model": "sdxl"}, "model", "model_unknown"),
    "model a path": ({"model": "../../etc"}, "model", "wrong_format"),
    "image missing": ({"image": ...}, "image", "field_missing"),
    "image a path": ({"image": "/etc/passwd"}, "image", "source_invalid"),
    "image a local URL": ({"image": "file:///etc/passwd"}, "image", "source_invalid"),
    "image inside": ({"image": "https://169.254.169.254/a.png"}, "image", "url_invalid"),
    "mask without TLS": ({"mask": "http://example.org/a.png"}, "mask", "url_invalid"),
    "image with a password": ({"image": "https://me:secret@example.org/a.png"}, "image", "url_invalid"),
    "image by another scheme": ({"image": "ftp://example.org/a.png"}, "image", "source_invalid"),
    "base64 garbage": ({"image": "data:image/png;base64,%%%"}, "image", "data_uri_invalid"),
    "base64 cut off": ({"mask": data_uri(mask())[:-3]}, "mask", "data_uri_invalid"),
    "data URI without base64": ({"image": "data:image/png,abc"}, "image", "data_uri_invalid"),
    "file unknown": ({"image": "file_" + "0" * 26}, "image", "file_not_found"),
    "mask missing": ({"mask": ...}, "mask", "mask_missing"),
    "a weight too large": ({"prompt_syntax": "a1111", "prompt": "(x:101)"}, "prompt", "out_of_range"),
    "too many brackets": (
        {"prompt_syntax": "a1111", "negative_prompt": "(" * 60 + "x"},
        "negative_prompt",
        "out_of_range",
    ),
    "prompt_syntax": ({"prompt_syntax": "comfy"}, "prompt_syntax", "not_a_choice"),
    "masked_content": ({"masked_content": "latent noise"}, "masked_content", "not_a_choice"),
    "color_match": ({"color_match": "lab"}, "color_match", "not_a_choice"),
    "webhook without TLS": ({"webhook_url": "http://example.org"}, "webhook_url", "url_invalid"),
    "webhook inside": ({"webhook_url": "https://169.254.169.254/latest"}, "webhook_url", "url_invalid"),
    "webhook too long": ({"webhook_url": "https://example.org/" + "x" * 1000}, "webhook_url", "wrong_length"),
    "webhook events alone": ({"webhook_events": ["job.failed"]}, "webhook_url", "field_missing"),
    "no webhook event": ({"webhook_events": []}, "webhook_events", "wrong_length"),
    "no such webhook event": ({"webhook_events": ["job.done"]}, "webhook_events.0", "not_a_choice"),
}


def refused(answer: httpx.Response, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    """The problem in `answer`, which must be this one."""
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert (problem["status"], problem["type"]) == (status, f"/problems/{code}")
    assert problem["title"]
    assert problem["detail"].endswith((".", "?"))
    if field is not None:
        assert [(error["field"], error["code"]) for error in problem["errors"]] == [(field, code)]
        assert problem["errors"][0]["detail"].endswith((".", "?"))
    return problem


@pytest.mark.parametrize(("data", "code"), PICTURES.values(), ids=PICTURES.keys())
def test_a_bad_image(tenant: Tenant, data: bytes, code: str) -> None:
    refused(tenant.submit(image=data_uri(data)), 422, code, "image")
    refused(tenant.http.post("/v1/jobs", files={"image": ("a", data), "mask": ("m", mask())}), 422, code, "image")
    assert tenant.left_behind() == (0, 0)


def test_an_image_too_small_to_be_marked(tenant: Tenant) -> None:
    small = tenant.submit(image=data_uri(photo((200, 63))), mask=data_uri(mask((200, 63))))
    refused(small, 422, "image_too_small", "image")
    assert tenant.left_behind() == (0, 0)


@pytest.mark.parametrize(("data", "code"), MASKS.values(), ids=MASKS.keys())
def test_a_bad_mask(tenant: Tenant, data: bytes, code: str) -> None:
    refused(tenant.submit(mask=data_uri(data)), 422, code, "mask")
    assert tenant.left_behind() == (0, 0)


@pytest.mark.parametrize(("changes", "field", "code"), FIELDS.values(), ids=FIELDS.keys())
def test_a_bad_field(tenant: Tenant, changes: dict[str, Any], field: str, code: str) -> None:
    refused(tenant.submit(**changes), 422, code, field)
    assert tenant.left_behind() == (0, 0)


def test_every_bad_field_is_named_at_once_and_the_meant_one_suggested(tenant: Tenant) -> None:
    problem = tenant.submit(steps=0, promt="x", strength=2).json()

    assert problem["code"] == "request_invalid"
    assert {error["field"]: error["code"] for error in problem["errors"]} == {
        "steps": "out_of_range",
        "promt": "field_unknown",
        "strength": "out_of_range",
    }
    assert "`prompt`" in next(error["detail"] for error in problem["errors"] if error["field"] == "promt")


BODIES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "json_invalid"),
    "cut off": (json.dumps(request()).encode()[:-1], "json_invalid"),
    "a list": (b"[]", "json_invalid"),
    "NaN": (json.dumps(request(metadata={"a": float("nan")})).encode(), "metadata_invalid"),
    "too deep": (b'{"metadata":' + b'{"a":' * 5000, "json_invalid"),
    "a lone surrogate": (rb'{"prompt": "\ud800"}', "json_invalid"),
    "invalid UTF-8": (b'{"prompt": "\xff"}', "invalid_utf8"),
    "a surrogate in UTF-8": (b'{"prompt": "\xed\xa0\x80"}', "invalid_utf8"),
    "a number too long to read": (b'{"steps": ' + b"9" * 10_000 + b"}", "json_invalid"),
}


@pytest.mark.parametrize(("body", "code"), BODIES.values(), ids=BODIES.keys())
def test_a_bad_body(tenant: Tenant, body: bytes, code: str) -> None:
    refused(tenant.http.post("/v1/jobs", content=body, headers=JSON), 422 if "meta" in code else 400, code)
    assert tenant.left_behind() == (0, 0)


def part(name: bytes, data: bytes, *, filename: bytes = b"") -> bytes:
    return b'--x\r\nContent-Disposition: form-data; name="' + name + b'"' + filename + b"\r\n\r\n" + data + b"\r\n"


FILE = b'; filename="a.png"'
PAIR = part(b"image", photo(), filename=FILE) + part(b"mask", mask(), filename=FILE)
FORMS: dict[str, tuple[bytes, int, str]] = {
    "invalid UTF-8": (PAIR + part(b"prompt", b"caf\xe9") + b"--x--", 400, "invalid_utf8"),
    "invalid UTF-8 in a name": (PAIR + part(b"pr\xff", b"a") + b"--x--", 400, "invalid_utf8"),
    "a field twice": (PAIR + part(b"steps", b"3") + part(b"steps", b"4") + b"--x--", 422, "field_repeated"),
    "not closed": (PAIR, 400, "form_invalid"),
    "not a form": (b"hello", 400, "form_invalid"),
    "too many parts": (b"".join(part(b"f%d" % n, b"") for n in range(100)) + b"--x--", 400, "form_invalid"),
    "unknown field": (PAIR + part(b"promt", b"a") + b"--x--", 422, "field_unknown"),
    "not a number": (PAIR + part(b"steps", b"many") + b"--x--", 422, "wrong_type"),
    "NaN": (PAIR + part(b"strength", b"nan") + b"--x--", 422, "out_of_range"),
    "NUL": (PAIR + part(b"prompt", b"\0") + b"--x--", 422, "text_invalid"),
    "output not JSON": (PAIR + part(b"output", b"png") + b"--x--", 422, "wrong_format"),
    "metadata a list": (PAIR + part(b"metadata", b"[]") + b"--x--", 422, "wrong_type"),
    "no image": (part(b"prompt", b"a") + b"--x--", 422, "field_missing"),
}


@pytest.mark.parametrize(("body", "status", "code"), FORMS.values(), ids=FORMS.keys())
def test_a_bad_form(tenant: Tenant, body: bytes, status: int, code: str) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = tenant.http.post("/v1/jobs", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert tenant.left_behind() == (0, 0)


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_another_media_type(tenant: Tenant, media_type: str) -> None:
    answer = tenant.http.post("/v1/jobs", content=json.dumps(request()), headers={"content-type": media_type})
    refused(answer, 415, "media_type_unsupported")


@pytest.mark.parametrize("path", ["/v1/jobs?dry_run=maybe", "/v1/jobs?wait=61", "/v1/jobs?wait=-1", "/v1/jobs?wate=1"])
def test_a_bad_query(tenant: Tenant, path: str) -> None:
    code = {"dry_run=maybe": "wrong_type", "wate=1": "field_unknown"}.get(path[9:], "out_of_range")
    refused(tenant.http.post(path, json=request()), 422, code, path[9:].partition("=")[0])
    assert tenant.left_behind() == (0, 0)


def test_a_refused_upload_leaves_nothing_behind(tenant: Tenant) -> None:
    for data, code in PICTURES.values():
        if code != "image_mode_unsupported":  # 16 bits are welcome in a mask
            refused(tenant.http.post("/v1/files", files={"file": ("a", data)}), 422, code, "file")
    assert tenant.left_behind() == (0, 0)


def test_inputs_are_removed_when_the_job_cannot_be_stored(tenant: Tenant) -> None:
    # A tenant without a row is refused inside the transaction that would store the job.
    submitter = tenant.stack.services.submitter
    order = order_from_json(json.dumps(request()).encode())
    with pytest.raises(TenantNotFound):
        submitter.submit("tnt_of_nobody", order)
    assert keys(tenant.stack.services.objects, "inputs/tnt_of_nobody/") == []


def test_a_body_above_the_limit_announced_or_in_chunks(tmp_path: Path) -> None:
    with running(tmp_path, max_body_bytes=20_000) as stack, stack.tenant("small").http as http:
        fits, long = (json.dumps(request(prompt="x" * size)).encode() for size in (10, 3900))
        long = long.ljust(20_001)
        chunks = (long[at : at + 1000] for at in range(0, len(long), 1000))

        assert http.post("/v1/jobs", content=fits, headers=JSON).status_code == 202
        refused(http.post("/v1/jobs", content=long, headers=JSON), 413, "body_too_large")
        refused(http.post("/v1/jobs", content=chunks, headers=JSON), 413, "body_too_large")
        big = {"file": ("a.png", photo((400, 400)) + bytes(20_000))}
        refused(http.post("/v1/files", files=big), 413, "body_too_large")


def test_base64_of_the_url_alphabet_is_refused(tenant: Tenant) -> None:
    other = base64.urlsafe_b64encode(b"\xff\xfe\xfd" * 40).decode()
    refused(tenant.submit(image=f"data:image/png;base64,{other}"), 422, "data_uri_invalid", "image")
