"""Every secret may lie in a file, whichever package reads it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from safety.settings import SafetySettings
from storage.errors import SettingsError
from storage.settings import secret_text
from tests.unit.test_readme import SETTINGS

NEEDED = {"INPAINTD_DATABASE_URL": "sqlite://", "INPAINTD_REDIS_URL": "redis://", "INPAINTD_OBJECTS": "file:///o"}
OIDC = {
    "INPAINTD_OIDC_ISSUER": "https://accounts.example.org",
    "INPAINTD_OIDC_CLIENT_ID": "inpaintd",
    "INPAINTD_OIDC_CLIENT_SECRET": "x",
}
SECRETS = [(cls, item) for cls in SETTINGS for item in dataclasses.fields(cls) if item.metadata.get("secret")]


def read(cls: Any, env: dict[str, str], without: str) -> Any:
    """The settings of `env`, in company of whatever else they need but `without`."""
    whole = {name: value for name, value in (NEEDED | OIDC).items() if name != without} | env
    return cls.from_env(secret_text, whole) if cls is SafetySettings else cls.from_env(whole)


def test_what_opens_a_door_is_a_secret() -> None:
    assert {item.metadata["env"] for _, item in SECRETS} == {
        "INPAINTD_DATABASE_URL",
        "INPAINTD_REDIS_URL",
        "INPAINTD_S3_ACCESS_KEY",
        "INPAINTD_S3_SECRET_KEY",
        "INPAINTD_MARK_SECRET",
        "INPAINTD_USER_SECRET",
        "INPAINTD_OIDC_CLIENT_SECRET",
        "INPAINTD_KEY",
    }


@pytest.mark.parametrize(("cls", "item"), SECRETS, ids=lambda value: getattr(value, "name", ""))
def test_every_secret_is_read_from_a_file(cls: Any, item: dataclasses.Field[Any], tmp_path: Path) -> None:
    name, file = item.metadata["env"], tmp_path / "secret"
    file.write_text("  sesame, with spaces \n")
    settings = read(cls, {f"{name}_FILE": str(file)}, without=name)
    assert getattr(settings, item.name) == "  sesame, with spaces "
    assert "sesame" not in repr(settings)


@pytest.mark.parametrize(("cls", "item"), SECRETS, ids=lambda value: getattr(value, "name", ""))
def test_a_secret_in_two_places_or_in_no_file_is_refused(
    cls: Any, item: dataclasses.Field[Any], tmp_path: Path
) -> None:
    name, file = item.metadata["env"], tmp_path / "secret"
    missing = {f"{name}_FILE": str(file)}
    with pytest.raises(SettingsError, match=rf"{name}_FILE names {file}, .*\(No such file.*correct the"):
        read(cls, missing, without=name)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="it is not UTF-8 text"):
        read(cls, missing, without=name)
    file.write_text("\n")
    with pytest.raises(SettingsError, match="is empty; write the value into it"):
        read(cls, missing, without=name)
    file.write_text("sesame")
    with pytest.raises(SettingsError, match=f"{name} and {name}_FILE are both set; keep one"):
        read(cls, missing | {name: "x"}, without="")


def test_a_line_end_of_windows_counts_as_one(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"sesame\r\n")
    for cls, item in SECRETS:
        name = item.metadata["env"]
        assert getattr(read(cls, {f"{name}_FILE": str(tmp_path / "secret")}, name), item.name) == "sesame"
