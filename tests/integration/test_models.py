"""Loading real files: diffusers folders, half-precision variants, hub ids, single files; and every refusal."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionInpaintPipeline
from safetensors.torch import load_file, save_file

from tests.integration.ldm_layout import to_ldm
from tests.unit.engine.tiny_model import CPU, HALF, tiny_pipeline
from worker.errors import ModelUnusable
from worker.models import LoadedModel, load_model

UNET_FILE = "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> StableDiffusionInpaintPipeline:
    return tiny_pipeline(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(scope="module")
def saved(pipeline: StableDiffusionInpaintPipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model in diffusers layout. Read only."""
    folder = tmp_path_factory.mktemp("models") / "tiny-inpainting"
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(saved, tmp_path / saved.name))


@pytest.fixture(scope="module")
def halved(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Only fp16 files, named as a variant. Read only."""
    folder = tmp_path_factory.mktemp("halved") / "tiny"
    loaded = StableDiffusionInpaintPipeline.from_pretrained(saved, dtype=torch.float16)
    loaded.save_pretrained(folder, variant="fp16")
    return folder


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


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


def edit_json(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


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


@pytest.mark.usefixtures("offline")
def test_offline_an_unknown_hub_id_is_refused_at_once() -> None:
    with pytest.raises(ModelUnusable, match="not to be had from the hub"):
        load_model("nobody/nothing-inpainting", CPU)


@pytest.fixture(params=[".safetensors", ".ckpt"])
def checkpoint(request: pytest.FixtureRequest, pipeline: StableDiffusionInpaintPipeline, tmp_path: Path) -> Path:
    """The model in one file, in a folder of its own."""
    path = tmp_path / "webui" / f"my-inpainting{request.param}"
    path.parent.mkdir()
    if request.param == ".safetensors":
        save_file(to_ldm(pipeline), path)
    else:
        torch.save({"state_dict": to_ldm(pipeline), "global_step": 440000}, path)
    return path


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
