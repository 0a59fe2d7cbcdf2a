"""Pinned models: the files that were pinned load, and one changed byte anywhere loads nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from storage.model_hash import model_hash
from tests.unit.engine.tiny_model import CPU
from worker.errors import ModelUnusable
from worker.models import load_model


@pytest.fixture
def nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading weights fails the test."""

    def read(*_: object, **__: object) -> None:
        pytest.fail("weights were read before their hash was compared")

    monkeypatch.setattr(torch, "load", read)
    monkeypatch.setattr("worker.models.load_folder", read)


def flip(path: Path) -> None:
    """Changes one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_the_pinned_model_loads(folder: Path) -> None:
    assert load_model(f"{folder}@sha256:{model_hash(folder).upper()}", CPU).name == folder.name


@pytest.mark.usefixtures("nothing_is_read")
@pytest.mark.parametrize(
    "changed", ["unet/diffusion_pytorch_model.safetensors", "safety_checker/model.safetensors", "vae/config.json"]
)
def test_a_flipped_bit_in_a_folder_is_refused_before_anything_is_read(folder: Path, changed: str) -> None:
    source = f"{folder}@sha256:{model_hash(folder)}"
    flip(folder / changed)
    with pytest.raises(
        ModelUnusable, match=rf"not the files that were pinned.*write {folder}@sha256:{model_hash(folder)}"
    ):
        load_model(source, CPU)


@pytest.mark.usefixtures("nothing_is_read")
def test_a_flipped_bit_in_a_pickle_is_refused_before_it_is_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "old.ckpt"
    path.write_bytes(b"any bytes at all")
    source = f"{path}@sha256:{model_hash(path)}"
    flip(path)
    with pytest.raises(ModelUnusable, match="Nothing of them was loaded"):
        load_model(source, CPU)


def test_a_changed_safety_checker_of_another_folder_is_refused(checkpoint: Path, folder: Path, tmp_path: Path) -> None:
    checker = Path(shutil.copytree(folder / "safety_checker", tmp_path / "checker"))
    source = f"{checker}@sha256:{model_hash(checker)}"
    flip(checker / "model.safetensors")
    with pytest.raises(ModelUnusable, match="not the files that were pinned"):
        load_model(str(checkpoint), CPU, safety_checker_source=source)
