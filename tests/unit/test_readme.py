"""The README says what the code does."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from producer.cli.main import COMMANDS
from producer.client.settings import ClientSettings
from producer.settings import ProducerSettings
from safety.settings import SafetySettings
from storage.job import JobState
from storage.settings import StorageSettings
from worker.settings import WorkerSettings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SETTINGS = (StorageSettings, SafetySettings, ProducerSettings, WorkerSettings, ClientSettings)


def settings_rows() -> list[str]:
    """The lines of the README's settings table, as the code has them."""
    return [_row(item) for cls in SETTINGS for item in dataclasses.fields(cls)]


def _row(item: dataclasses.Field[object]) -> str:
    default = item.default
    if default is dataclasses.MISSING:
        shown = "required"
    elif default in (None, "", ()):
        shown = ""
    else:
        shown = f"`{','.join(default) if isinstance(default, tuple) else default}`"
    name = f"`{item.metadata['env']}`" + (", `_FILE`" if item.metadata.get("secret") else "")
    return f"| {name} | {shown} | {item.metadata['doc']} |"


def test_the_settings_table_is_the_codes() -> None:
    shown = [line for line in README.splitlines() if line.startswith("| `INPAINTD_")]
    assert shown == settings_rows()


def test_the_table_of_states_is_complete() -> None:
    for state in JobState:
        assert f"| `{state}` |" in README


def test_every_command_shown_exists() -> None:
    shown = set(re.findall(r"(?:^\$ |bin/)inpaintd ([a-z]+)", README, flags=re.MULTILINE))
    assert shown <= set(COMMANDS)
    assert {"up", "submit", "api", "worker", "keeper", "doctor"} <= shown


def test_every_file_shown_exists() -> None:
    linked = re.findall(r"\]\((?!https?:|#)([^)]+)\)", README)
    assert linked
    for target in linked:
        assert (ROOT / target).exists(), target


def test_every_make_target_shown_exists() -> None:
    targets = re.findall(r"`make ([a-z-]+)|\$ make ([a-z-]+)", README)
    makefile = (ROOT / "Makefile").read_text()
    assert targets
    for target in map("".join, targets):
        assert f"\n{target}:" in makefile, target
