"""One worker process with models of two families, opened as the product opens it."""

from __future__ import annotations

from pathlib import Path

import pytest

from safety.settings import SafetySettings
from storage.errors import SettingsError
from storage.settings import StorageSettings
from tests.unit.engine.requests import request
from worker.errors import ModelUnusable
from worker.opening import open_tools
from worker.settings import WorkerSettings


@pytest.fixture
def storage(sqlite_url: str, saved: Path, xl_saved: Path, tmp_path: Path) -> StorageSettings:
    objects = f"file://{tmp_path / 'objects'}"
    return StorageSettings(sqlite_url, "redis://127.0.0.1:1/0", objects, model=str(saved), models=(f"xl={xl_saved}",))


@pytest.fixture
def safety(tmp_path: Path) -> SafetySettings:
    return SafetySettings(mark_secret="0123456789abcdef", credentials_dir=tmp_path / "credentials")


def test_every_model_of_the_list_paints_and_is_judged_by_a_checker_of_its_own(
    storage: StorageSettings, safety: SafetySettings, saved: Path
) -> None:
    tools = open_tools(storage, safety, WorkerSettings(device="cpu", safety_checkers=(f"xl={saved}",)))
    futures = {alias: tools.engine.submit(request(alias, model=alias)) for alias in ("default", "xl")}
    pixels = {alias: future.result(60).pixels for alias, future in futures.items()}
    assert (pixels["default"] != pixels["xl"]).any()
    identities = {alias: model.identity for alias, model in tools.models.items()}
    assert {alias: identity["alias"] for alias, identity in identities.items()} == {"default": "default", "xl": "xl"}
    assert (identities["default"]["name"], identities["xl"]["name"]) == ("tiny-inpainting", "tiny-xl")
    assert identities["default"]["sha256"] != identities["xl"]["sha256"]
    versions = {judge.version for model in tools.models.values() for judge in model.classifiers}
    assert len(versions) == 1, "both have the checker of the first"
    assert tools.models["xl"].classifiers[0] is not tools.models["default"].classifiers[0]
    tools.close()


def test_a_worker_may_serve_a_part_of_the_list(storage: StorageSettings, safety: SafetySettings, saved: Path) -> None:
    tools = open_tools(storage, safety, WorkerSettings(device="cpu", models=("default",)))
    assert list(tools.models) == ["default"]
    tools.close()


def test_a_model_that_would_run_unchecked_stops_the_start(storage: StorageSettings, safety: SafetySettings) -> None:
    with pytest.raises(ModelUnusable, match="tiny-xl comes without a safety checker"):
        open_tools(storage, safety, WorkerSettings(device="cpu"))


@pytest.mark.parametrize(
    ("worker", "words"),
    [
        (WorkerSettings(device="cpu", models=("photo",)), "INPAINTD_WORKER_MODELS"),
        (WorkerSettings(device="cpu", safety_checkers=("photo=/x",)), "INPAINTD_SAFETY_CHECKER"),
        (WorkerSettings(device="cpu", model_configs=("photo=/x",)), "INPAINTD_MODEL_CONFIG"),
    ],
)
def test_settings_that_name_a_model_not_on_the_list_stop_the_start(
    storage: StorageSettings, safety: SafetySettings, worker: WorkerSettings, words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        open_tools(storage, safety, worker)
