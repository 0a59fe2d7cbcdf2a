"""The registry of models: its names, and what is read from files without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from storage.aliases import companions_of, served, sources_of
from storage.capabilities import Family
from storage.errors import SettingsError
from storage.models import describe
from storage.params import SchedulerName
from storage.settings import StorageSettings, hub_cache

SD = {"unet": {"sample_size": 64, "in_channels": 9}, "vae": {"block_out_channels": [1, 2, 3, 4]}}
XL = {**SD, "unet": {**SD["unet"], "sample_size": 128, "addition_embed_type": "text_time"}}
FIRST = "model.diffusion_model.input_blocks.0.0.weight"


def write_folder(folder: Path, parts: dict[str, dict[str, Any]]) -> Path:
    for part, config in parts.items():
        (folder / part).mkdir(parents=True)
        name = "scheduler_config.json" if part == "scheduler" else "config.json"
        (folder / part / name).write_text(json.dumps(config))
    return folder


def write_safetensors(path: Path, shapes: dict[str, list[int]]) -> Path:
    header = {name: {"dtype": "F16", "shape": shape, "data_offsets": [0, 0]} for name, shape in shapes.items()}
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    return path


def blocks(pattern: str, count: int) -> dict[str, list[int]]:
    return {pattern.format(index): [8, 8] for index in range(count)}


def test_without_a_word_there_is_the_pocket_model() -> None:
    assert sources_of((), None) == {"default": "pocket"}
    assert sources_of((), "a/b") == {"default": "a/b"}


def test_the_short_form_and_the_list_add_up() -> None:
    models = ("xl=/models/xl", " photo = owner/name ")
    assert sources_of(models, "a/b") == {"default": "a/b", "xl": "/models/xl", "photo": "owner/name"}
    assert sources_of(("default=/odd=name",), None) == {"default": "/odd=name"}


@pytest.mark.parametrize(
    ("models", "model", "words"),
    [
        (("photo",), None, "alias=source"),
        (("photo=",), None, "alias=source"),
        (("=pocket",), None, "alias=source"),
        (("../x=pocket",), None, "letters, digits"),
        (("a b=pocket",), None, "letters, digits"),
        (("x" * 65 + "=pocket",), None, "64 at most"),
        (("a=pocket", "b=pocket", "a=x/y"), None, "'a' twice"),
        (("default=pocket",), "a/b", "keep one of them"),
    ],
)
def test_a_list_that_is_no_registry_is_refused_at_start(models: tuple[str, ...], model: str | None, words: str) -> None:
    env = {"INPAINTD_DATABASE_URL": "sqlite://", "INPAINTD_REDIS_URL": "redis://", "INPAINTD_OBJECTS": "file:///x"}
    env |= {"INPAINTD_MODELS": ",".join(models), "INPAINTD_MODEL": model or ""}
    with pytest.raises(SettingsError, match=words):
        StorageSettings.from_env(env)


def test_a_folder_tells_what_its_model_can_do(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "sd", {**SD, "text_encoder": {"num_hidden_layers": 5}})
    model = describe("x", str(folder))
    assert (model.name, model.can.family, model.can.native_size, model.can.max_size) == ("sd", Family.SD, 512, 1024)
    assert model.can.max_clip_skip == 4
    deep = write_folder(tmp_path / "deep", {**SD, "text_encoder": {"num_hidden_layers": 23}})
    assert describe("x", str(deep)).can.max_clip_skip == 11


def test_the_shallower_text_encoder_of_two_limits_clip_skip(tmp_path: Path) -> None:
    texts = {"text_encoder": {"num_hidden_layers": 12}, "text_encoder_2": {"num_hidden_layers": 5}}
    model = describe("x", str(write_folder(tmp_path / "xl", {**XL, **texts})))
    assert (model.can.family, model.can.native_size, model.can.max_clip_skip) == (Family.SDXL, 1024, 3)


def test_schedulers_that_cannot_read_the_models_predictions_are_not_offered(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "sd", {**SD, "scheduler": {"prediction_type": "sample"}})
    missing = set(SchedulerName) - set(describe("x", str(folder)).can.schedulers)
    assert missing == {SchedulerName.PNDM, SchedulerName.EULER_ANCESTRAL}


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({**SD, "unet": {"sample_size": 64}}, "4 input channels instead of 9: this is a text-to-image checkpoint; use"),
        ({**SD, "unet": {**SD["unet"], "in_channels": 8}}, "an image-editing checkpoint"),
        ({**SD, "unet": {**SD["unet"], "in_channels": 7}}, "7 input channels instead of 9: use an inpainting one"),
        ({**SD, "vae": {"block_out_channels": [1, 2]}}, "shrinks pictures by 2"),
        ({**SD, "vae": {**SD["vae"], "latents_mean": [0.1]}}, "shifts its latents"),
        ({**SD, "unet": {**SD["unet"], "time_cond_proj_dim": 256}}, "guidance scale as an input"),
        ({**SD, "unet": {**SD["unet"], "addition_embed_type": "image"}}, "Stable Diffusion 1, 2 or XL"),
        ({**SD, "unet": {**SD["unet"], "sample_size": [64, 64]}}, "must be one number"),
        ({"unet": SD["unet"]}, "vae/config.json cannot be read"),
        ({}, "not a model in diffusers layout"),
    ],
)
def test_a_folder_that_cannot_inpaint_is_refused_with_a_sentence(
    tmp_path: Path, parts: dict[str, dict[str, Any]], words: str
) -> None:
    (tmp_path / "m").mkdir()
    with pytest.raises(SettingsError, match=f"The model photo=.*{words}"):
        describe("photo", str(write_folder(tmp_path / "m", parts)))


@pytest.mark.parametrize(
    ("shapes", "family", "native", "max_clip_skip"),
    [
        (blocks("cond_stage_model.transformer.text_model.encoder.layers.{}.x", 12), Family.SD, 512, 11),
        (blocks("cond_stage_model.transformer.text_model.encoder.layers.{}.x", 3), Family.SD, 512, 2),
        (blocks("cond_stage_model.model.transformer.resblocks.{}.x", 6), Family.SD, 512, 4),
        ({"first_stage_model.x": [1]}, Family.SD, 512, 11),
        (blocks("conditioner.embedders.0.transformer.text_model.encoder.layers.{}.x", 6), Family.SDXL, 1024, 4),
    ],
)
def test_a_single_files_header_tells_what_it_can_do(
    tmp_path: Path, shapes: dict[str, list[int]], family: Family, native: int, max_clip_skip: int
) -> None:
    path = write_safetensors(tmp_path / "my.safetensors", {FIRST: [320, 9, 3, 3], **shapes})
    model = describe("x", str(path))
    assert (model.name, model.can.family, model.can.native_size) == ("my", family, native)
    assert (model.can.max_clip_skip, model.can.assumed) == (max_clip_skip, False)


@pytest.mark.parametrize(
    ("shapes", "words"), [({FIRST: [320, 4, 3, 3]}, "text-to-image checkpoint"), ({"lora": [2, 2]}, "is this a LoRA")]
)
def test_a_single_file_that_cannot_inpaint_is_refused(tmp_path: Path, shapes: dict[str, list[int]], words: str) -> None:
    path = write_safetensors(tmp_path / "my.safetensors", shapes)
    with pytest.raises(SettingsError, match=words):
        describe("x", str(path))


@pytest.mark.parametrize("content", [b"", b"PK\3\4" + bytes(99), b"\2" + bytes(7) + b"[]", b"\5" + bytes(7) + b"{"])
def test_another_kind_of_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.safetensors"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="The model x="):
        describe("x", str(path))


def test_a_pickle_is_not_opened_and_its_limits_are_called_assumed(tmp_path: Path) -> None:
    path = tmp_path / "old.ckpt"
    path.write_bytes(b"anything")
    assert describe("x", str(path)).can.assumed


def test_hub_models_are_known_by_name_or_found_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    write_folder(tmp_path / "models--me--mine" / "snapshots" / "abc", XL)
    assert describe("x", "me/mine").can.family is Family.SDXL
    assert not describe("x", "me/mine").can.assumed
    assert describe("x", "stabilityai/stable-diffusion-2-inpainting").can.text_layers == 23
    unseen = describe("x", "nobody/nothing").can
    assert (unseen.assumed, unseen.native_size, unseen.family) == (True, 512, Family.SD)
    write_folder(tmp_path / "models--me--plain" / "snapshots" / "abc", {**SD, "unet": {"sample_size": 64}})
    with pytest.raises(SettingsError, match="text-to-image"):
        describe("x", "me/plain")


def test_the_cache_is_where_the_libraries_of_hugging_face_have_it() -> None:
    assert hub_cache({"HF_HUB_CACHE": "/c", "HF_HOME": "/h"}) == Path("/c")
    assert hub_cache({"HF_HOME": "/h", "XDG_CACHE_HOME": "/x"}) == Path("/h/hub")
    assert hub_cache({"XDG_CACHE_HOME": "/x"}) == Path("/x/huggingface/hub")
    assert hub_cache({}) == Path("~/.cache/huggingface/hub").expanduser()


@pytest.mark.parametrize("source", ["no-such-thing", "./missing.ckpt", "/nowhere/model.safetensors", "a/b/c"])
def test_a_source_that_cannot_be_a_model_is_refused(source: str) -> None:
    with pytest.raises(SettingsError, match="INPAINTD_MODEL"):
        describe("default", source)


def test_a_worker_serves_all_models_or_some() -> None:
    sources = {"default": "pocket", "photo": "a/b", "xl": "c/d"}
    assert served(sources, ()) == sources
    assert served(sources, ("xl", "default")) == {"default": "pocket", "xl": "c/d"}
    with pytest.raises(SettingsError, match=r"'anime'.*not in INPAINTD_MODELS"):
        served(sources, ("xl", "anime"))


def test_companions_go_to_one_model_or_to_all_others() -> None:
    aliases = ("default", "photo", "xl")
    assert companions_of("X", (), aliases) == {}
    assert companions_of("X", ("/checker",), aliases) == dict.fromkeys(aliases, "/checker")
    mixed = companions_of("X", ("/checker", "xl=/other"), aliases)
    assert mixed == {"default": "/checker", "photo": "/checker", "xl": "/other"}
    assert companions_of("X", ("xl=/other",), aliases) == {"xl": "/other"}


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (("/a", "/b"), "X has two entries for all models"),
        (("xl=/a", "xl=/b"), "X has two entries for xl"),
        (("anime=/a",), "X names the model 'anime'"),
    ],
)
def test_companions_that_fit_no_model_are_refused(entries: tuple[str, ...], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        companions_of("X", entries, ("default", "xl"))
