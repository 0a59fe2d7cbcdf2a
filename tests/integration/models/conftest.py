"""The tiny model as files: a diffusers folder, half-precision files, and one file in the original layout."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionInpaintPipeline, StableDiffusionXLInpaintPipeline
from safetensors.torch import save_file

from tests.integration.models.ldm_layout import to_ldm
from tests.unit.engine.tiny_model import tiny_pipeline
from tests.unit.engine.tiny_xl import tiny_xl_pipeline


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> StableDiffusionInpaintPipeline:
    return tiny_pipeline(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(scope="session")
def saved(pipeline: StableDiffusionInpaintPipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model in diffusers layout. Read only."""
    folder = tmp_path_factory.mktemp("models") / "tiny-inpainting"
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(saved, tmp_path / saved.name))


@pytest.fixture(scope="session")
def halved(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Only fp16 files, named as a variant. Read only."""
    folder = tmp_path_factory.mktemp("halved") / "tiny"
    loaded = StableDiffusionInpaintPipeline.from_pretrained(saved, dtype=torch.float16)
    loaded.save_pretrained(folder, variant="fp16")
    return folder


@pytest.fixture(scope="session")
def xl_pipeline(tmp_path_factory: pytest.TempPathFactory) -> StableDiffusionXLInpaintPipeline:
    return tiny_xl_pipeline(tmp_path_factory.mktemp("tokenizers"))


@pytest.fixture(scope="session")
def xl_saved(xl_pipeline: StableDiffusionXLInpaintPipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model in diffusers layout. Read only."""
    folder = tmp_path_factory.mktemp("models") / "tiny-xl"
    xl_pipeline.save_pretrained(folder)
    return folder


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


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
