"""Settings of the Python client and of every command that talks to a running service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from storage.settings import read_settings, setting

# No proxy leads to this machine itself, whatever the environment says.
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """Which service to talk to, and with which key."""

    url: str = setting("INPAINTD_URL", "service that the client and the commands talk to", "http://127.0.0.1:8000")
    key: str | None = setting("INPAINTD_KEY", "API key of the client and the commands", None, secret=True)

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Self:
        """Settings from the environment."""
        return read_settings(cls, env)
