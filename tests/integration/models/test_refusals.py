"""Every model that must not be loaded is refused with a sentence, and nothing inside it runs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionInpaintPipeline
from safetensors.torch import load_file, save_file

from tests.integration.models.edits import edit_json
from tests.integration.models.ldm_layout import to_ldm
from tests.unit.engine.tiny_model import CPU
from worker.errors import ModelUnusable
from worker.models import load_model


def test_a_single_file_without_a_checker_is_refused(checkpoint: Path, folder: Path, saved: Path) -> None:
    with pytest.raises(ModelUnusable, match="without a safety checker"):
        load_model(str(checkpoint), CPU)
    shutil.rmtree(folder / "safety_checker")
    with pytest.raises(ModelUnusable, match="without a safety checker"):
        load_model(str(checkpoint), CPU, config_source=str(folder))
    model = load_model(str(checkpoint), CPU, safety_checker_source=str(saved), config_source=str(folder))
    assert model.safety_checker is not None


@pytest.mark.usefixtures("offline")
def test_a_single_file_without_configuration_says_what_to_set(checkpoint: Path, saved: Path) -> None:
    with pytest.raises(ModelUnusable, match="config source"):
        load_model(str(checkpoint), CPU, safety_checker_source=str(saved))


@pytest.mark.usefixtures("offline")
def test_offline_an_unknown_hub_id_is_refused_at_once() -> None:
    with pytest.raises(ModelUnusable, match="not to be had from the hub"):
        load_model("nobody/nothing-inpainting", CPU)


class Malice:
    """Unpickling this writes a file, as unpickling malware would do worse."""

    def __init__(self, witness: Path) -> None:
        self._witness = witness

    def __reduce__(self) -> Any:
        return Path.touch, (self._witness,)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_that_contains_code_is_refused_and_not_run(saved: Path, tmp_path: Path, zipped: bool) -> None:
    path, witness = tmp_path / "evil.ckpt", tmp_path / "it-ran"
    torch.save({"state_dict": {}, "x": Malice(witness)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ModelUnusable, match="might run code"):
        load_model(str(path), CPU, config_source=str(saved))
    assert not witness.exists()
    torch.load(path, weights_only=False)
    assert witness.exists(), "the file is harmless, so the test shows nothing"


def test_pickled_weights_in_a_folder_do_not_run_either(folder: Path, tmp_path: Path) -> None:
    witness = tmp_path / "it-ran"
    for path in folder.glob("*/*.safetensors"):
        torch.save({"x": Malice(witness)}, path.with_suffix(".bin"))
        path.unlink()
    (folder / "safety_checker" / "model.bin").rename(folder / "safety_checker" / "pytorch_model.bin")
    with pytest.raises(ModelUnusable):
        load_model(str(folder), CPU)
    assert not witness.exists()


@pytest.mark.parametrize("channels", [4, 8])
def test_models_that_cannot_inpaint_are_refused_before_loading(
    folder: Path, checkpoint: Path, pipeline: StableDiffusionInpaintPipeline, channels: int
) -> None:
    sentence = "text-to-image checkpoint; use an inpainting one" if channels == 4 else "use an inpainting one"
    edit_json(folder / "unet" / "config.json", in_channels=channels)
    with pytest.raises(ModelUnusable, match=sentence):
        load_model(str(folder), CPU)
    weights = to_ldm(pipeline)
    first = "model.diffusion_model.input_blocks.0.0.weight"
    weights[first] = weights[first][:, :channels].contiguous()
    save_file(weights, checkpoint) if checkpoint.suffix == ".safetensors" else torch.save(weights, checkpoint)
    with pytest.raises(ModelUnusable, match=sentence):
        load_model(str(checkpoint), CPU)


def test_a_folder_without_a_checker_is_refused_unless_one_is_named(folder: Path, saved: Path) -> None:
    shutil.rmtree(folder / "safety_checker")
    with pytest.raises(ModelUnusable, match="without a safety checker"):
        load_model(str(folder), CPU)
    assert load_model(str(folder), CPU, safety_checker_source=str(saved)).safety_checker is not None


def test_a_checker_folder_of_its_own_will_do(folder: Path, saved: Path, tmp_path: Path) -> None:
    alone = Path(shutil.copytree(saved / "safety_checker", tmp_path / "checker"))
    shutil.copy(saved / "feature_extractor" / "preprocessor_config.json", alone)
    shutil.rmtree(folder / "safety_checker")
    assert load_model(str(folder), CPU, safety_checker_source=str(alone)).safety_checker is not None


def test_a_checker_with_missing_weights_is_refused(folder: Path) -> None:
    path = folder / "safety_checker" / "model.safetensors"
    weights = {key: value for key, value in load_file(path).items() if "visual_projection" not in key}
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(ModelUnusable, match="incomplete"):
        load_model(str(folder), CPU)


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder", "safety_checker"])
@pytest.mark.parametrize("damage", ["missing", "truncated", "some keys"])
def test_damaged_weights_are_refused(folder: Path, part: str, damage: str) -> None:
    path = next((folder / part).glob("*.safetensors"))
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:1000])
    else:
        weights = load_file(path)
        save_file(dict(list(weights.items())[1:]), path, metadata={"format": "pt"})
    with pytest.raises(ModelUnusable):
        load_model(str(folder), CPU)


@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"PK\x03\x04" + bytes(99)])
def test_files_that_are_no_checkpoints_are_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(content)
    with pytest.raises(ModelUnusable, match="broken"):
        load_model(str(path), CPU)


@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
def test_a_lora_is_not_a_model(tmp_path: Path, suffix: str) -> None:
    path, weights = tmp_path / f"lora{suffix}", {"lora_unet_down.weight": torch.zeros(2, 2)}
    save_file(weights, path) if suffix == ".safetensors" else torch.save(weights, path)
    with pytest.raises(ModelUnusable, match="no Stable Diffusion UNet inside"):
        load_model(str(path), CPU)


@pytest.mark.parametrize(
    "source", ["/no/such/folder", "nothing", "a/b/c", "./gone.safetensors", "https://example.org/x"]
)
def test_a_source_that_is_nowhere_is_refused(source: str) -> None:
    with pytest.raises(ModelUnusable, match="no such folder or file"):
        load_model(source, CPU)


def test_other_files_are_not_models(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.touch()
    with pytest.raises(ModelUnusable, match="ends in"):
        load_model(str(path), CPU)


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="no model in diffusers layout"):
        load_model(str(tmp_path), CPU)
