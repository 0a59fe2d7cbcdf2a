"""Stable Diffusion XL from files: a diffusers folder, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionXLInpaintPipeline
from safetensors.torch import save_file

from storage.capabilities import Family
from storage.errors import SettingsError
from storage.models import describe
from tests.integration.models.edits import edit_json
from tests.integration.models.ldm_layout import to_sgm
from tests.unit.engine.requests import request
from tests.unit.engine.solo import RecordingRunner, relative_error
from tests.unit.engine.tiny_model import CPU, HALF, TEXT_LAYERS
from tests.unit.engine.tiny_xl import TIME_WIDTH, solo_xl, tiny_xl_model, tiny_xl_pipeline
from worker.errors import ModelUnusable
from worker.models import LoadedModel, load_model


@pytest.fixture
def xl_folder(xl_saved: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(xl_saved, tmp_path / xl_saved.name))


def latents(model: LoadedModel) -> torch.Tensor:
    runner, item = RecordingRunner(model), request("r", negative_prompt="", steps=2)
    trajectory = runner.begin(item)
    while trajectory.calls_left:
        runner.advance(trajectory, runner.predict([trajectory])[0])
    return trajectory.latents


def test_a_folder_loads_whole_with_a_checker_from_elsewhere(xl_saved: Path, saved: Path, tmp_path: Path) -> None:
    model = load_model(str(xl_saved), CPU, safety_checker_source=str(saved))
    assert (model.name, model.family, model.native_size) == ("tiny-xl", Family.SDXL, 64)
    assert model.zero_empty_negative
    expected = solo_xl(tiny_xl_model(tmp_path), request("r", negative_prompt="", steps=2))
    assert relative_error(latents(model), expected) <= 1e-5


def test_a_single_file_loads_with_the_configuration_it_is_given(
    xl_pipeline: StableDiffusionXLInpaintPipeline, xl_saved: Path, saved: Path, tmp_path: Path
) -> None:
    path = tmp_path / "my-xl.safetensors"
    save_file(to_sgm(xl_pipeline), path)
    model = load_model(str(path), CPU, str(saved), str(xl_saved))
    assert (model.name, model.family, model.zero_empty_negative) == ("my-xl", Family.SDXL, True)
    expected = load_model(str(xl_saved), CPU, str(saved))
    assert torch.equal(latents(model), latents(expected))
    can = describe("xl", str(path)).can
    assert (can.family, can.native_size, can.max_clip_skip) == (Family.SDXL, 1024, TEXT_LAYERS - 2)


def test_the_second_text_encoder_counts_in_the_hash(xl_saved: Path, xl_folder: Path, saved: Path) -> None:
    before = load_model(str(xl_saved), CPU, str(saved)).sha256
    path = xl_folder / "text_encoder_2" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    assert load_model(str(xl_folder), CPU, str(saved)).sha256 != before


def test_half_precision_leaves_the_vae_in_float32_where_its_configuration_says_so(xl_folder: Path, saved: Path) -> None:
    assert load_model(str(xl_folder), HALF, str(saved)).vae.dtype == torch.float32
    edit_json(xl_folder / "vae" / "config.json", force_upcast=False)
    assert load_model(str(xl_folder), HALF, str(saved)).vae.dtype == torch.float16


def test_a_model_index_may_ask_for_no_zeros(xl_folder: Path, saved: Path) -> None:
    edit_json(xl_folder / "model_index.json", force_zeros_for_empty_prompt=False)
    assert not load_model(str(xl_folder), CPU, str(saved)).zero_empty_negative


def test_without_a_checker_it_is_not_loaded(xl_saved: Path) -> None:
    with pytest.raises(ModelUnusable, match="without a safety checker"):
        load_model(str(xl_saved), CPU)


@pytest.mark.parametrize("part", ["text_encoder_2", "tokenizer_2", "scheduler"])
def test_a_part_that_is_missing_is_a_refusal(xl_folder: Path, saved: Path, part: str) -> None:
    shutil.rmtree(xl_folder / part)
    with pytest.raises(ModelUnusable):
        load_model(str(xl_folder), CPU, str(saved))


def test_a_refiner_is_refused_by_api_and_worker(xl_folder: Path, saved: Path) -> None:
    edit_json(xl_folder / "model_index.json", requires_aesthetics_score=True)
    with pytest.raises(ModelUnusable, match="refiner"):
        load_model(str(xl_folder), CPU, str(saved))
    with pytest.raises(SettingsError, match="refiner"):
        describe("xl", str(xl_folder))


def test_a_unet_that_reads_other_numbers_than_sizes_is_refused(tmp_path: Path, xl_folder: Path, saved: Path) -> None:
    five_numbers = tiny_xl_pipeline(tmp_path / "five", sizes=5)
    five_numbers.unet.save_pretrained(xl_folder / "unet")
    assert five_numbers.unet.config.addition_time_embed_dim == TIME_WIDTH
    with pytest.raises(ModelUnusable, match="refiner"):
        load_model(str(xl_folder), CPU, str(saved))


def test_a_text_to_image_model_is_refused_by_api_and_worker(xl_folder: Path, saved: Path) -> None:
    edit_json(xl_folder / "unet" / "config.json", in_channels=4)
    for weights in xl_folder.glob("*/*.safetensors"):
        weights.unlink()  # nothing of them is read
    with pytest.raises(ModelUnusable, match="text-to-image"):
        load_model(str(xl_folder), CPU, str(saved))
    with pytest.raises(SettingsError, match="text-to-image"):
        describe("xl", str(xl_folder))


def test_the_api_reads_what_it_can_do_from_the_same_folder(xl_saved: Path) -> None:
    can = describe("xl", str(xl_saved)).can
    assert (can.family, can.native_size, can.max_clip_skip) == (Family.SDXL, 64, TEXT_LAYERS - 2)
