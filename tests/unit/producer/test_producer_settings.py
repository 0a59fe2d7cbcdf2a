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
