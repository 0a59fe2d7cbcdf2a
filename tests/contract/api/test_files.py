"""/v1/files: uploads in one request, and what becomes of files."""

from __future__ import annotations

import hashlib

import pytest
from PIL import Image

from tests.contract.api.serving import Stack, Tenant, claim, encoded, mask, photo
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


def test_a_file_that_was_looked_at_is_not_read_again(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [tenant.http.post("/v1/files", files={"file": data}).json()["id"] for data in (photo(), mask())]
    assert tenant.submit(image=ids[0], mask=ids[1]).status_code == 202
    monkeypatch.setattr(type(tenant.stack.services.objects), "get", lambda *_: pytest.fail("its bytes were read"))
    assert tenant.submit(image=ids[0], mask=ids[1], seed=2).status_code == 202
    refused(tenant.submit(image=ids[0], mask=ids[1], mask_channel="alpha"), 422, "mask_alpha_missing")


def test_what_is_remembered_of_a_file_is_nobody_elses(tenant: Tenant, stranger: Tenant) -> None:
    ids = [tenant.http.post("/v1/files", files={"file": data}).json()["id"] for data in (photo(), mask())]
    assert tenant.submit(image=ids[0], mask=ids[1]).status_code == 202
    refused(stranger.submit(image=ids[0], mask=ids[1]), 422, "file_not_found", "image")


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


def uploaded(tenant: Tenant, data: bytes) -> str:
    """The id of a new file."""
    file_id: str = tenant.http.post("/v1/files", files={"file": data}).json()["id"]
    return file_id


def test_files_are_read_and_listed_newest_first_in_pages(tenant: Tenant, stranger: Tenant) -> None:
    ids = [uploaded(tenant, photo((size, size))) for size in (16, 17, 18)]
    uploaded(stranger, photo())
    first = tenant.http.get("/v1/files", params={"limit": 2}).json()
    rest = tenant.http.get("/v1/files", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [one["id"] for one in first["data"] + rest["data"]] == ids[::-1]
    assert (first["object"], rest["next_cursor"]) == ("list", None)
    assert tenant.http.get(f"/v1/files/{ids[0]}").json() == rest["data"][0]
    refused(tenant.http.get("/v1/files", params={"cursor": "job_1"}), 422, "wrong_format", "cursor")
    refused(tenant.http.get("/v1/files", params={"limit": 201}), 422, "out_of_range", "limit")


def test_a_file_is_deleted_with_its_bytes_once_no_job_needs_it(tenant: Tenant) -> None:
    image, cover = uploaded(tenant, photo()), uploaded(tenant, mask())
    jobs = [tenant.accepted(image=image, mask=cover) for _ in range(2)]
    refused(tenant.http.delete(f"/v1/files/{cover}"), 409, "file_in_use")
    tenant.http.post(f"/v1/jobs/{jobs[0]['id']}/cancel")
    refused(tenant.http.delete(f"/v1/files/{image}"), 409, "file_in_use")
    assert tenant.left_behind() == (2, 2)

    tenant.http.post(f"/v1/jobs/{jobs[1]['id']}/cancel")
    for file_id in (image, cover):
        assert tenant.http.delete(f"/v1/files/{file_id}").status_code == 204
        refused(tenant.http.delete(f"/v1/files/{file_id}"), 404, "file_unknown")
    assert tenant.left_behind() == (2, 0)
    refused(tenant.submit(image=image), 422, "file_not_found", "image")


def test_a_running_or_held_job_needs_its_file_too(tenant: Tenant) -> None:
    image = uploaded(tenant, photo())
    held = tenant.accepted(image=image, prompt="remove her clothes")
    assert held["status"] in ("held", "blocked")
    running = tenant.accepted(image=image)
    claim(tenant.stack.services, running["id"])
    refused(tenant.http.delete(f"/v1/files/{image}"), 409, "file_in_use")


@pytest.mark.parametrize("path", ["", "/complete", "/content"])
def test_a_strangers_file_is_not_there(tenant: Tenant, stranger: Tenant, path: str) -> None:
    methods = {"": ("GET", "DELETE"), "/complete": ("POST",), "/content": ("PUT",)}[path]
    upload = tenant.http.post("/v1/files/presign", json={"size": 3}).json()["id"]
    for file_id in (uploaded(tenant, photo()), upload, "file_" + "0" * 26, "file_1", "a%00b"):
        for method in methods:
            refused(stranger.http.request(method, f"/v1/files/{file_id}{path}", content=b"abc"), 404, "file_unknown")
    assert tenant.left_behind() == (0, 1)


def test_reading_takes_the_scope_read_and_all_else_submit(stack: Stack, tenant: Tenant) -> None:
    file_id = uploaded(tenant, photo())
    made = {scope: stack.services.keys.create_key(tenant.id, [scope]) for scope in ("read", "submit")}
    reader, writer = ({"Authorization": f"Bearer {made[scope]}"} for scope in ("read", "submit"))
    wrong = [("GET", "", writer), ("GET", f"/{file_id}", writer)]
    wrong += [("DELETE", f"/{file_id}", reader), ("PUT", f"/{file_id}/content", reader)]
    wrong += [("POST", "/presign", reader), ("POST", f"/{file_id}/complete", reader)]
    for method, path, headers in wrong:
        refused(tenant.http.request(method, f"/v1/files{path}", headers=headers), 403, "scope_missing")
