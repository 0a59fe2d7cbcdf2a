"""`inpaintd detect` against a real service: what it prints, with and without a key, and what it exits with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from safety.settings import SafetySettings
from tests.contract.api.serving import Stack, Tenant, running
from tests.contract.api.test_detect import SECRET, encoded, made, scene
from tests.unit.cli.conftest import Run


@pytest.fixture(scope="module")
def safety(tmp_path_factory: pytest.TempPathFactory) -> SafetySettings:
    return SafetySettings(mark_secret=SECRET, credentials_dir=tmp_path_factory.mktemp("credentials"))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, safety: SafetySettings) -> Iterator[Stack]:
    """A service whose detector answers anybody."""
    with running(tmp_path_factory.mktemp("stack"), safety=safety, public_detect=True) as stack:
        yield stack


def test_a_result_is_told_by_when_and_by_what_it_was_made(
    run: Run, tenant: Tenant, safety: SafetySettings, tmp_path: Path
) -> None:
    mine = made(tenant, safety)
    (tmp_path / "copy.jpg").write_bytes(encoded(mine.pixels, "JPEG", quality=85))
    mine_told, theirs = (run("detect", tmp_path / "copy.jpg", **key) for key in ({}, {"INPAINTD_KEY": None}))
    assert (mine_told.exit_code, theirs.exit_code) == (0, 0)
    for words in ("This picture was made here", "on record", " by pocket.", "Repainted from "):
        assert words in mine_told.stdout
        assert words in theirs.stdout
    assert f"Image 0 of {mine.job}." in mine_told.stdout
    assert mine.job not in theirs.stdout
    found = json.loads(run("detect", tmp_path / "copy.jpg", "--json").stdout)
    assert (found["watermark"]["id"], found["origin"]["job"]) == (mine.mark.id, mine.job)


def test_what_it_cannot_examine_it_says_in_a_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("not a picture")
    for file, words in (("note.txt", "[image_type_unsupported]"), ("none.png", "does not exist")):
        done = run("detect", tmp_path / file)
        assert (done.exit_code, done.stdout) == (2, "")
        assert words in done.stderr


def test_a_foreign_picture_is_no_failure(run: Run, tmp_path: Path) -> None:
    (tmp_path / "foreign.png").write_bytes(encoded(scene(9)))
    done = run("detect", tmp_path / "foreign.png")
    assert done.exit_code == 0
    assert "Nothing of this service was found" in done.stdout
