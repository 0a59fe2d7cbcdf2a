from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import pytest

from safety.errors import SettingsError
from safety.settings import SafetySettings


def _plain(name: str, env: Mapping[str, str]) -> str:
    return env.get(name, "")


def test_reads_the_variables_it_documents() -> None:
    settings = SafetySettings.from_env(
        _plain, {"INPAINTD_POLICY": "/p.yaml", "INPAINTD_MARK_SECRET": "s" * 16, "INPAINTD_CREDENTIALS_DIR": "/c"}
    )
    assert settings == SafetySettings(Path("/p.yaml"), "s" * 16, Path("/c"))


def test_empty_means_unset() -> None:
    assert SafetySettings.from_env(_plain, {"INPAINTD_POLICY": "", "INPAINTD_MARK_SECRET": ""}) == SafetySettings()


def test_every_setting_is_documented() -> None:
    for field in fields(SafetySettings):
        assert field.metadata["env"].startswith("INPAINTD_")
        assert field.metadata["doc"].endswith(".")


def test_what_marking_needs_is_named_when_missing() -> None:
    with pytest.raises(SettingsError, match="INPAINTD_MARK_SECRET"):
        SafetySettings().require_mark_secret()
    with pytest.raises(SettingsError, match="INPAINTD_CREDENTIALS_DIR"):
        SafetySettings().require_credentials_dir()


def test_the_secret_stays_out_of_logs() -> None:
    assert "hush" not in repr(SafetySettings(mark_secret="hush" * 4))
