"""Which models there are, what each can do, and that a job beyond its model is refused at the door."""

from __future__ import annotations

from typing import Any

import pytest

from storage.params import SchedulerName
from tests.contract.api.serving import Tenant, request
from tests.contract.api.test_bad_input import refused


def test_models_are_listed_with_what_each_can_do(tenant: Tenant) -> None:
    default, xl = tenant.http.get("/v1/models").json()["data"]
    shared = {"object": "model", "channels": 9, "size_step": 8, "schedulers": list(SchedulerName), "assumed": False}
    tiny = {"alias": "default", "name": "tiny-model", "family": "sd", "native_size": 128, "max_size": 512}
    assert default == {**shared, **tiny, "max_clip_skip": 3}
    wide = {"name": "diffusers/stable-diffusion-xl-1.0-inpainting-0.1", "native_size": 1024, "max_size": 1024}
    assert xl == {**shared, **wide, "alias": "xl", "family": "sdxl", "max_clip_skip": 10}


def test_a_job_names_its_model_and_takes_its_native_size(tenant: Tenant) -> None:
    job = tenant.http.post("/v1/jobs", json=request(model="xl", clip_skip=10)).json()
    assert (job["model"]["alias"], job["params"]["width"], job["params"]["height"]) == ("xl", 1024, 1024)


@pytest.mark.parametrize(
    ("asked", "field", "limit"),
    [
        ({"clip_skip": 4}, "clip_skip", "3"),
        ({"clip_skip": 11, "model": "xl"}, "clip_skip", "10"),
        ({"width": 520}, "width", "512"),
        ({"height": 1024}, "height", "512"),
    ],
)
def test_what_the_model_cannot_do_is_refused(tenant: Tenant, asked: dict[str, Any], field: str, limit: str) -> None:
    problem = refused(tenant.http.post("/v1/jobs", json=request(**asked)), 422, "model_unfit")
    (error,) = problem["errors"]
    assert (error["field"], error["code"]) == (field, "model_unfit")
    assert f"{limit} at most" in error["detail"]
    assert tenant.http.get("/v1/jobs").json()["data"] == []


def test_every_field_beyond_the_model_is_named_at_once(tenant: Tenant) -> None:
    problem = tenant.http.post("/v1/jobs", json=request(width=1024, clip_skip=11)).json()
    assert problem["code"] == "model_unfit"
    assert [error["field"] for error in problem["errors"]] == ["width", "clip_skip"]


def test_a_model_that_is_not_on_offer_is_refused_with_those_that_are(tenant: Tenant) -> None:
    problem = refused(tenant.http.post("/v1/jobs", json=request(model="photo")), 422, "model_unknown")
    assert "default, xl" in problem["detail"]
