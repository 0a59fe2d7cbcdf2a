"""Whichever door a job comes in by, it is the same job: invariant 25."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from producer.cli import main
from producer.client import Client
from storage.params import InpaintParams
from tests.contract.api.callers import tenant
from tests.contract.api.serving import NATIVE_SIZE, Stack, Tenant, mask, photo, running

__all__ = ["tenant"]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A service without a worker."""
    with running(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


def by_form(tenant: Tenant, **fields: Any) -> dict[str, Any]:
    files = {"image": ("a.png", photo()), "mask": ("m.png", mask())}
    texts = {name: str(value) for name, value in fields.items()}
    params: dict[str, Any] = tenant.http.post("/v1/jobs", data=texts, files=files).json()["params"]
    return params


def by_client(tenant: Tenant, **fields: Any) -> dict[str, Any]:
    with Client(tenant.stack.url, tenant.key) as client:
        return client.submit(photo(), mask(), **fields)["params"]


def by_command(tenant: Tenant, folder: Path, **fields: Any) -> dict[str, Any]:
    (folder / "photo.png").write_bytes(photo())
    (folder / "mask.png").write_bytes(mask())
    options = [text for name, value in fields.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    runner = CliRunner(env={"INPAINTD_URL": tenant.stack.url, "INPAINTD_KEY": tenant.key})
    arguments = ["submit", str(folder / "photo.png"), "--mask", str(folder / "mask.png"), "--json", *options]
    done = runner.invoke(main, arguments)
    assert done.exit_code == 0, done.output
    params: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])["params"]
    return params


def test_api_form_client_and_command_mean_the_same_job_with_the_same_defaults(tenant: Tenant, tmp_path: Path) -> None:
    fields = {"seed": 4294967295}
    by_json = tenant.accepted(prompt=..., **fields)["params"]
    expected = InpaintParams(**fields).resolved(native_size=NATIVE_SIZE, seed=0).model_dump(mode="json")
    assert by_json == expected
    assert by_form(tenant, **fields) == expected
    assert by_client(tenant, **fields) == expected
    assert by_command(tenant, tmp_path, **fields) == expected


def test_a_seed_that_is_left_open_is_drawn_and_echoed_by_every_door(tenant: Tenant, tmp_path: Path) -> None:
    drawn = [
        tenant.accepted(seed=None)["params"]["seed"],
        tenant.accepted(seed=-1)["params"]["seed"],
        by_form(tenant)["seed"],
        by_client(tenant)["seed"],
        by_command(tenant, tmp_path)["seed"],
    ]
    assert all(0 <= seed < 2**32 for seed in drawn)
    assert len(set(drawn)) == len(drawn)


def test_null_is_not_zero(tenant: Tenant) -> None:
    assert tenant.accepted(seed=0)["params"]["seed"] == 0
    for field in ("mask_blur", "steps", "strength", "prompt"):
        assert tenant.submit(**{field: None}).status_code == 422
