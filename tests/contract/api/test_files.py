"""POST /v1/files."""

from __future__ import annotations

import hashlib

import pytest
from PIL import Image

from tests.contract.api.serving import Tenant, encoded, mask, photo
from tests.contract.api.test_bad_input import refused


def test_an_upload_is_described(tenant: Tenant) -> None:
    data = photo((40, 30))
    answer = tenant.http.post("/v1/files", files={"file": ("photo.png", data)})
    file = answer.json()

    assert answer.status_code == 201
    assert file["id"].startswith("file_")
    assert file.pop("created_at").endswith("Z")
    assert file == {
        "id": file["id"],
        "object": "file",
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
        "width": 40,
        "height": 30,
        "content_type": "image/png",
    }


def test_one_upload_serves_many_jobs(tenant: Tenant) -> None:
    ids = [tenant.http.post("/v1/files", files={"file": data}).json()["id"] for data in (photo(), mask())]
    for seed in (1, 2):
        assert tenant.submit(image=ids[0], mask=ids[1], seed=seed).status_code == 202
    assert tenant.left_behind() == (2, 2)


def test_a_16_bit_mask_may_be_uploaded_but_is_no_image(tenant: Tenant) -> None:
    deep = Image.new("I;16", (96, 64))
    deep.paste(65535, (5, 5, 20, 20))
    file_id = tenant.http.post("/v1/files", files={"file": encoded(deep)}).json()["id"]

    assert tenant.submit(mask=file_id).status_code == 202
    refused(tenant.submit(image=file_id), 422, "image_mode_unsupported", "image")


@pytest.mark.parametrize(
    ("parts", "code", "field"),
    [
        ({"image": photo()}, "field_unknown", "image"),
        ({"file": photo(), "purpose": b"mask"}, "field_unknown", "purpose"),
    ],
)
def test_only_the_part_file_is_read(tenant: Tenant, parts: dict[str, bytes], code: str, field: str) -> None:
    refused(tenant.http.post("/v1/files", files=parts), 422, code, field)
    assert tenant.left_behind() == (0, 0)


def test_a_form_without_a_file(tenant: Tenant) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"}
    refused(tenant.http.post("/v1/files", content=b"--x--\r\n", headers=headers), 422, "field_missing", "file")


def test_a_bare_body_is_not_a_form(tenant: Tenant) -> None:
    refused(
        tenant.http.post("/v1/files", content=photo(), headers={"content-type": "image/png"}),
        415,
        "media_type_unsupported",
    )
