"""Settings of the producer package."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from storage.errors import SettingsError
from storage.pictures import MAX_PIXELS
from storage.settings import read_settings, setting


@dataclass(frozen=True, slots=True)
class ProducerSettings:
    """Where the HTTP interface listens, and how much a request may bring."""

    host: str = setting("INPAINTD_HOST", "address on which the HTTP interface listens", "127.0.0.1")
    port: int = setting("INPAINTD_PORT", "port on which the HTTP interface listens; 0: any free one", 8000)
    max_body_bytes: int = setting("INPAINTD_MAX_BODY_BYTES", "largest request body, in bytes", 64 * 1024 * 1024)
    max_pixels: int = setting(
        "INPAINTD_MAX_PIXELS", "largest picture, in pixels (width x height), read from its header", MAX_PIXELS
    )
    user_secret: str = setting(
        "INPAINTD_USER_SECRET",
        "secret from which the pseudonyms of end-users are made; changing it changes every pseudonym",
        "",
        secret=True,
    )

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Self:
        """Settings from the environment; raises storage.errors.SettingsError."""
        settings = read_settings(cls, env)
        if not 0 < settings.max_pixels <= MAX_PIXELS:
            # Workers read pictures up to MAX_PIXELS; a job they cannot read must not be accepted.
            raise SettingsError(f"INPAINTD_MAX_PIXELS must lie between 1 and {MAX_PIXELS}.")
        return settings


def inherited_environment() -> dict[str, str]:
    """A copy of this process's environment, to be handed on to programs that it starts."""
    return dict(os.environ)
