"""What Client and AsyncClient have in common beside their calls: one address, one key, one way to connect."""

from __future__ import annotations

from typing import Any, TypedDict

import httpx

from producer.client.errors import ClientMisconfigured
from producer.client.settings import LOOPBACK, ClientSettings
from producer.client.steps import Request


class Connection(TypedDict):
    """What an httpx client is made with."""

    base_url: str
    headers: dict[str, str]
    timeout: float
    trust_env: bool


def connection(url: str | None, key: str | None, timeout: float, *, keyless: bool) -> Connection:
    """How to reach the service; what is None comes from the settings. Raises ClientMisconfigured."""
    settings = ClientSettings.from_env()
    base = _checked_url((url or settings.url).strip().rstrip("/"))
    headers = _authorization(key or settings.key, keyless=keyless)
    return Connection(base_url=base, headers=headers, timeout=timeout, trust_env=trusts_env(base))


def trusts_env(url: str) -> bool:
    """Whether a proxy that the environment names may stand between here and there."""
    return httpx.URL(url).host not in LOOPBACK


def timed(asked: Request, timeout: float) -> dict[str, Any]:
    """The options of a request with the time that it may take, in seconds from one sign of life to the next."""
    quiet = asked.options.get("timeout", timeout + asked.slack)
    return asked.options | {"timeout": httpx.Timeout(timeout, read=quiet, write=quiet)}


def _checked_url(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ClientMisconfigured(f"{url!r} is no address of a service; INPAINTD_URL looks like http://127.0.0.1:8000.")
    return url


def _checked_key(key: str | None) -> str:
    if not (key and key.strip().isascii() and key.strip().isprintable()):
        raise ClientMisconfigured("No usable API key; set INPAINTD_KEY to one made with `inpaintd keys create`.")
    return key.strip()


def _authorization(key: str | None, *, keyless: bool) -> dict[str, str]:
    return {} if keyless and not key else {"Authorization": f"Bearer {_checked_key(key)}"}
