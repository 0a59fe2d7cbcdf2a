"""Hashes of models, and pins as settings and commands have them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from producer.cli import main
from storage.aliases import companions_of, sources_of
from storage.errors import SettingsError
from storage.model_hash import model_hash, split_pin
from storage.models import describe

PIN = "ab" * 32


def test_a_file_has_its_own_hash_and_a_folder_that_of_its_list(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "w").write_bytes(b"1")
    (tmp_path / "index").write_bytes(b"2")
    lines = [f"{name}\0{hashlib.sha256(data).hexdigest()}\n" for name, data in (("index", b"2"), ("unet/w", b"1"))]
    before = model_hash(tmp_path)
    assert before == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert model_hash(tmp_path / "index") == hashlib.sha256(b"2").hexdigest()
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "lock").touch()
    assert model_hash(tmp_path) == before, "what begins with a dot is no part of a model"
    (tmp_path / "unet" / "w").rename(tmp_path / "unet" / "v")
    assert model_hash(tmp_path) != before


@given(st.text(min_size=1, max_size=20).filter(lambda text: "@sha256:" not in text))
def test_a_pin_comes_off_any_source(source: str) -> None:
    assert split_pin(f"{source}@sha256:{PIN.upper()}") == (source, PIN)
    assert split_pin(source) == (source, None)


@pytest.mark.parametrize(
    "odd", ["x@sha256:", "x@sha256:abc", f"x@sha256:{'g' * 64}", f"@sha256:{PIN}", f"x@sha256:{PIN}0"]
)
def test_an_odd_pin_is_refused_at_the_start_of_every_program(odd: str) -> None:
    for read in (lambda: sources_of([f"photo={odd}"], None), lambda: sources_of([], odd)):
        with pytest.raises(SettingsError, match="64 hexadecimal digits; `inpaintd models hash`"):
            read()
    with pytest.raises(SettingsError, match=r"INPAINTD_SAFETY_CHECKER: .*64 hexadecimal digits"):
        companions_of("INPAINTD_SAFETY_CHECKER", [odd], ["default"])


def test_what_a_model_can_do_is_read_past_its_pin_which_callers_never_see() -> None:
    model = describe("photo", f"pocket@sha256:{PIN}")
    assert (model.source, model.name) == ("pocket", "inpaint-pocket")
    assert model.folder is not None


def test_the_command_prints_what_goes_into_the_setting(tmp_path: Path) -> None:
    file = tmp_path / "photo.safetensors"
    file.write_bytes(b"weights")
    printed = CliRunner().invoke(main, ["models", "hash", str(file)]).stdout.strip()
    assert printed == f"{file}@sha256:{hashlib.sha256(b'weights').hexdigest()}"
    assert split_pin(printed)[0] == str(file)
