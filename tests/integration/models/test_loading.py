"""Loading real files: diffusers folders, half-precision variants, hub ids, single files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionInpaintPipeline
from safetensors.torch import load_file, save_file

from tests.integration.models.edits import edit_json
from tests.unit.engine.tiny_model import CPU, HALF
from worker.errors import ModelUnusable
from worker.models import LoadedModel, load_model

UNET_FILE = "diffusion_pytorch_model.safetensors"


def networks(model: Any) -> list[torch.Tensor]:
    """What UNet, VAE and text encoder make of fixed inputs."""
    generator = torch.Generator().manual_seed(0)
    dtype = model.unet.dtype
    sample, states = torch.randn(1, 9, 8, 8, generator=generator), torch.randn(1, 77, 32, generator=generator)
    ids = model.tokenizer("a red ball", padding="max_length", return_tensors="pt").input_ids
    with torch.inference_mode():
        return [
            model.unet(sample.to(dtype), 7, states.to(dtype), return_dict=False)[0],
            model.vae.decode(sample[:, :4].to(dtype), return_dict=False)[0],
            model.vae.encode(sample[:, :3].to(dtype).repeat(1, 1, 8, 8)).latent_dist.mean,
            model.text_encoder(ids).last_hidden_state,
        ]


def assert_same(model: LoadedModel, pipeline: StableDiffusionInpaintPipeline) -> None:
    for ours, theirs in zip(networks(model), networks(pipeline), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_folder_loads_whole(saved: Path, pipeline: StableDiffusionInpaintPipeline) -> None:
    model = load_model(str(saved), CPU)
    assert_same(model, pipeline)
    assert (model.name, model.native_size) == ("tiny-inpainting", 64)
    assert torch.equal(model.safety_checker.concept_embeds, pipeline.safety_checker.concept_embeds)
    assert model.concept_names == tuple(f"concept_{index}" for index in range(17))
    assert not model.unet.training
    assert not any(weight.requires_grad for weight in model.unet.parameters())


def test_loading_draws_no_bars_into_the_log(saved: Path, capfd: pytest.CaptureFixture[str]) -> None:
    load_model(str(saved), CPU)
    assert "%|" not in capfd.readouterr().err


def test_the_hash_names_the_weights_and_nothing_else(saved: Path, folder: Path) -> None:
    before = load_model(str(saved), CPU).sha256
    edit_json(folder / "scheduler" / "scheduler_config.json", beta_end=0.02)
    (folder / "README.md").write_text("other words")
    assert load_model(str(folder), CPU).sha256 == before
    path = folder / "vae" / UNET_FILE
    weights = load_file(path)
    save_file({key: value + 1 for key, value in weights.items()}, path, metadata={"format": "pt"})
    assert load_model(str(folder), CPU).sha256 != before


def test_the_checkers_weights_have_a_name_of_their_own(saved: Path, folder: Path) -> None:
    before = load_model(str(saved), CPU).checker_version
    edit_json(folder / "unet" / "config.json", note="another model")
    assert load_model(str(folder), CPU).checker_version == before
    path = folder / "safety_checker" / "model.safetensors"
    weights = load_file(path)
    save_file({key: value + 1 for key, value in weights.items()}, path, metadata={"format": "pt"})
    assert load_model(str(folder), CPU).checker_version != before


def test_concepts_are_named_by_their_file(folder: Path) -> None:
    names = [f"thing {index}" for index in range(17)]
    concepts = folder / "safety_checker" / "concepts.json"
    concepts.write_text(json.dumps({"concepts": names}))
    assert load_model(str(folder), CPU).concept_names == tuple(names)
    for broken in ({"concepts": names[:3]}, {}, names):
        concepts.write_text(json.dumps(broken))
        with pytest.raises(ModelUnusable, match="with 17 names"):
            load_model(str(folder), CPU)


def test_a_folder_written_by_old_libraries_loads(folder: Path, pipeline: StableDiffusionInpaintPipeline) -> None:
    edit_json(folder / "model_index.json", feature_extractor=["transformers", "CLIPFeatureExtractor"])
    path = folder / "text_encoder" / "model.safetensors"
    weights = {f"text_model.{key.removeprefix('text_model.')}": value for key, value in load_file(path).items()}
    save_file(weights, path, metadata={"format": "pt"})
    checker = folder / "safety_checker" / "model.safetensors"
    nested = {
        key.replace("vision_model.", "vision_model.vision_model.", 1): value
        for key, value in load_file(checker).items()
    }
    save_file(nested, checker, metadata={"format": "pt"})
    model = load_model(str(folder), CPU)
    assert_same(model, pipeline)
    for ours, theirs in zip(model.safety_checker.parameters(), pipeline.safety_checker.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_half_precision_takes_the_fp16_files(saved: Path, halved: Path, tmp_path: Path) -> None:
    both = Path(shutil.copytree(saved, tmp_path / "both"))
    shutil.copytree(halved, both, dirs_exist_ok=True)
    model = load_model(str(both), HALF)
    assert model.unet.dtype == model.vae.dtype == model.text_encoder.dtype == torch.float16
    assert model.safety_checker.dtype == torch.float16
    assert model.sha256 == load_model(str(halved), HALF).sha256
    assert load_model(str(both), CPU).sha256 == load_model(str(saved), CPU).sha256 != model.sha256


def test_cpu_converts_where_only_fp16_files_are_there(halved: Path, pipeline: StableDiffusionInpaintPipeline) -> None:
    model = load_model(str(halved), CPU)
    assert model.unet.dtype == torch.float32
    for ours, theirs in zip(networks(model), networks(pipeline), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0.05, atol=0.05)


class Hub:
    """Stands in for the download of diffusers: answers by (variant, revision) and remembers what was asked."""

    def __init__(self, answers: dict[tuple[str | None, str | None], Path]) -> None:
        self.answers = answers
        self.asked: list[tuple[str | None, str | None]] = []

    def __call__(self, name: str, variant: str | None = None, revision: str | None = None) -> str:
        assert name == "owner/inpainting"
        self.asked.append((variant, revision))
        if (variant, revision) not in self.answers:
            raise OSError("404")
        return str(self.answers[variant, revision])


def hub(monkeypatch: pytest.MonkeyPatch, answers: dict[tuple[str | None, str | None], Path]) -> Hub:
    stand_in = Hub(answers)
    monkeypatch.setattr(StableDiffusionInpaintPipeline, "download", stand_in)
    return stand_in


def test_hub_on_cuda_takes_the_fp16_variant(monkeypatch: pytest.MonkeyPatch, halved: Path) -> None:
    asked = hub(monkeypatch, {("fp16", None): halved}).asked
    model = load_model("owner/inpainting", HALF)
    assert model.name == "owner/inpainting"
    assert asked == [("fp16", None)]


@pytest.mark.parametrize("variant_answers", [True, False])
def test_hub_on_cuda_falls_back_to_the_fp16_branch(
    monkeypatch: pytest.MonkeyPatch, saved: Path, variant_answers: bool
) -> None:
    answers: dict[tuple[str | None, str | None], Path] = {(None, "fp16"): saved}
    if variant_answers:
        answers["fp16", None] = saved  # an offline cache answers without looking whether the variant is in it
    asked = hub(monkeypatch, answers).asked
    assert load_model("owner/inpainting", HALF).unet.dtype == torch.float16
    assert asked == [("fp16", None), (None, "fp16")]


def test_hub_on_cuda_without_fp16_is_refused(monkeypatch: pytest.MonkeyPatch, saved: Path) -> None:
    hub(monkeypatch, {(None, None): saved})
    with pytest.raises(ModelUnusable, match=r"neither fp16 files .* nor a branch named fp16"):
        load_model("owner/inpainting", HALF)


def test_hub_on_cpu_takes_the_full_weights(monkeypatch: pytest.MonkeyPatch, saved: Path) -> None:
    asked = hub(monkeypatch, {(None, None): saved}).asked
    assert load_model("owner/inpainting", CPU).unet.dtype == torch.float32
    assert asked == [(None, None)]


def test_a_single_file_loads_with_the_configuration_it_is_given(
    checkpoint: Path, saved: Path, pipeline: StableDiffusionInpaintPipeline
) -> None:
    model = load_model(str(checkpoint), CPU, config_source=str(saved))
    assert_same(model, pipeline)
    assert model.name == "my-inpainting"
    assert model.safety_checker is not None
    assert load_model(str(checkpoint), HALF, config_source=str(saved)).unet.dtype == torch.float16


def test_a_single_file_finds_the_configuration_beside_it(
    checkpoint: Path, folder: Path, pipeline: StableDiffusionInpaintPipeline
) -> None:
    beside = folder / checkpoint.name
    shutil.copy(checkpoint, beside)
    assert_same(load_model(str(beside), CPU), pipeline)
