"""Settings of the HTTP interface."""

from __future__ import annotations

import pytest

from producer.settings import ProducerSettings
from storage.errors import SettingsError
from storage.pictures import MAX_PIXELS


def test_without_any_variable_the_defaults_hold() -> None:
    settings = ProducerSettings.from_env({})
    assert (settings.host, settings.port, settings.max_pixels) == ("127.0.0.1", 8000, MAX_PIXELS)


def test_the_secret_is_not_in_the_text_of_the_settings() -> None:
    assert "hush" not in repr(ProducerSettings.from_env({"INPAINTD_USER_SECRET": "hush"}))


@pytest.mark.parametrize("pixels", ["0", "-1", str(MAX_PIXELS + 1)])
def test_no_more_pixels_than_workers_read(pixels: str) -> None:
    with pytest.raises(SettingsError, match="INPAINTD_MAX_PIXELS"):
        ProducerSettings.from_env({"INPAINTD_MAX_PIXELS": pixels})


def test_by_default_nothing_is_erased_and_orphans_live_for_a_day() -> None:
    settings = ProducerSettings.from_env({})
    assert settings.retention_days is None
    assert (settings.orphan_seconds, settings.orphan_ttl_seconds) == (3600, 86400)
    assert ProducerSettings.from_env({"INPAINTD_RETENTION_DAYS": "0.5"}).retention_days == 0.5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("INPAINTD_RETENTION_DAYS", "0"),
        ("INPAINTD_RETENTION_DAYS", "-1"),
        ("INPAINTD_RETENTION_DAYS", "nan"),
        ("INPAINTD_RETENTION_DAYS", "1e9"),
        ("INPAINTD_ORPHAN_SECONDS", "-1"),
        ("INPAINTD_ORPHAN_SECONDS", "nan"),
        ("INPAINTD_ORPHAN_TTL_SECONDS", "0"),
        ("INPAINTD_ORPHAN_TTL_SECONDS", "inf"),
    ],
)
def test_a_slip_in_these_never_erases_what_is_needed(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        ProducerSettings.from_env({name: value})


@pytest.mark.parametrize("value", ["off", "signed-in", "open"])
def test_who_may_try_it_is_one_of_three(value: str) -> None:
    assert ProducerSettings.from_env({"INPAINTD_TRY": value}).try_page == value


def test_what_is_none_of_them_is_refused_with_all_three() -> None:
    with pytest.raises(SettingsError, match="INPAINTD_TRY='yes' is not one of: off, signed-in, open"):
        ProducerSettings.from_env({"INPAINTD_TRY": "yes"})


@pytest.mark.parametrize(
    "given",
    [
        {"INPAINTD_OIDC_ISSUER": "https://accounts.example"},
        {"INPAINTD_OIDC_CLIENT_ID": "x", "INPAINTD_OIDC_CLIENT_SECRET": "y"},
        {
            "INPAINTD_OIDC_ISSUER": "http://accounts.example",
            "INPAINTD_OIDC_CLIENT_ID": "x",
            "INPAINTD_OIDC_CLIENT_SECRET": "y",
        },
    ],
)
def test_a_provider_of_accounts_is_named_whole_and_spoken_to_in_private(given: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="INPAINTD_OIDC_ISSUER"):
        ProducerSettings.from_env(given)
