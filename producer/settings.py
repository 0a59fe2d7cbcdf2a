"""Settings of the producer package."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_network
from typing import Self

from storage.errors import SettingsError
from storage.pictures import MAX_PIXELS
from storage.settings import read_settings, setting

SHORTEST_ORPHAN_TTL_SECONDS = 60.0
MOST_RETENTION_DAYS = 36500


class TryPage(StrEnum):
    """Who may use the page at `/` that tries the service without a key."""

    OFF = "off"
    SIGNED_IN = "signed-in"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class ProducerSettings:
    """Where the HTTP interface listens, how much a request may bring, and how long things are kept."""

    host: str = setting("INPAINTD_HOST", "address on which the HTTP interface listens", "127.0.0.1")
    port: int = setting("INPAINTD_PORT", "port on which the HTTP interface listens; 0: any free one", 8000)
    public_url: str | None = setting(
        "INPAINTD_PUBLIC_URL",
        "address under which callers reach the HTTP interface; unset: the one each request came to",
        None,
    )
    max_body_bytes: int = setting("INPAINTD_MAX_BODY_BYTES", "largest request body, in bytes", 64 * 1024 * 1024)
    max_held_bytes: int = setting(
        "INPAINTD_MAX_HELD_BYTES", "bytes of request bodies that one API process holds at once", 256 * 1024 * 1024
    )
    max_batch_bytes: int = setting(
        "INPAINTD_MAX_BATCH_BYTES", "the same of `POST /v1/batches`, which is read as it comes", 4 * 1024**3
    )
    max_pixels: int = setting(
        "INPAINTD_MAX_PIXELS", "largest picture, in pixels (width x height), read from its header", MAX_PIXELS
    )
    max_streams: int = setting("INPAINTD_MAX_STREAMS", "event streams that one API process holds open", 256)
    max_tenant_streams: int = setting("INPAINTD_MAX_TENANT_STREAMS", "those of one tenant among them", 64)
    fetch_seconds: float = setting(
        "INPAINTD_FETCH_SECONDS", "seconds in which the pictures that a job names by URL must have been fetched", 10.0
    )
    max_fetches: int = setting("INPAINTD_MAX_FETCHES", "jobs whose pictures one API process fetches by URL at once", 16)
    max_tenant_fetches: int = setting("INPAINTD_MAX_TENANT_FETCHES", "those of one tenant among them", 8)
    public_detect: bool = setting(
        "INPAINTD_PUBLIC_DETECT", "let anybody ask the detector where a picture comes from, without a key", False
    )
    public_detect_per_minute: float = setting(
        "INPAINTD_PUBLIC_DETECT_PER_MINUTE", "such questions an API process answers each minute to one address", 20.0
    )
    try_page: TryPage = setting(
        "INPAINTD_TRY",
        "who may use the page at `/` that tries the service: nobody (`off`), moderators who are `signed-in`, or "
        "anybody on this very machine (`open`), which `inpaintd up` sets",
        TryPage.OFF,
    )
    user_secret: str = setting(
        "INPAINTD_USER_SECRET",
        "secret from which the pseudonyms of end-users are made; changing it changes every pseudonym",
        "",
        secret=True,
    )
    retention_days: float | None = setting(
        "INPAINTD_RETENTION_DAYS",
        "days after which pictures and prompts of ended jobs, and uploaded files, are erased where neither the policy "
        "nor a tenant's rule says otherwise; unset: kept for ever",
        None,
    )
    orphan_seconds: float = setting(
        "INPAINTD_ORPHAN_SECONDS", "seconds between two searches for stored objects that no row names; 0: never", 3600.0
    )
    orphan_ttl_seconds: float = setting(
        "INPAINTD_ORPHAN_TTL_SECONDS", "age, in seconds, from which such an object is deleted", 86400.0
    )
    api_metrics_port: int = setting(
        "INPAINTD_API_METRICS_PORT", "port on which the API serves its metrics to Prometheus; 0: none", 0
    )
    keeper_metrics_port: int = setting(
        "INPAINTD_KEEPER_METRICS_PORT", "port on which the keeper serves its metrics to Prometheus; 0: none", 0
    )
    allowed_addresses: tuple[str, ...] = setting(
        "INPAINTD_ALLOWED_ADDRESSES",
        "networks inside your own that webhooks and picture URLs may lead to, also without TLS: `10.1.0.0/16,10.7.0.2`",
        (),
    )
    oidc_issuer: str | None = setting(
        "INPAINTD_OIDC_ISSUER", "provider by which moderators may sign in, such as `https://accounts.example.org`", None
    )
    oidc_client_id: str | None = setting("INPAINTD_OIDC_CLIENT_ID", "what that provider calls this service", None)
    oidc_client_secret: str | None = setting(
        "INPAINTD_OIDC_CLIENT_SECRET", "what this service proves itself with to that provider", None, secret=True
    )

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Self:
        """Settings from the environment; raises storage.errors.SettingsError."""
        settings = read_settings(cls, env)
        if not 0 < settings.max_pixels <= MAX_PIXELS:
            # Workers read pictures up to MAX_PIXELS; a job they cannot read must not be accepted.
            raise SettingsError(f"INPAINTD_MAX_PIXELS must lie between 1 and {MAX_PIXELS}.")
        if not 0 < settings.public_detect_per_minute < math.inf:
            raise SettingsError(
                "INPAINTD_PUBLIC_DETECT_PER_MINUTE must be above 0; unset INPAINTD_PUBLIC_DETECT instead."
            )
        if not 0 < settings.fetch_seconds < math.inf:
            raise SettingsError("INPAINTD_FETCH_SECONDS must be above 0.")
        if settings.max_held_bytes < settings.max_body_bytes:
            raise SettingsError("INPAINTD_MAX_HELD_BYTES must be INPAINTD_MAX_BODY_BYTES or more, or none would fit.")
        settings._check_public_url()
        settings._check_keeping()
        settings._check_addresses()
        settings._check_oidc()
        return settings

    def _check_public_url(self) -> None:
        if self.public_url is not None and not re.fullmatch(r"https?://[^/?#\s]+(/[^?#\s]*[^/?#\s])?", self.public_url):
            raise SettingsError("INPAINTD_PUBLIC_URL looks like https://paint.example.org, without a slash at its end.")

    def _check_keeping(self) -> None:
        if self.retention_days is not None and not 0 < self.retention_days <= MOST_RETENTION_DAYS:
            raise SettingsError(
                f"INPAINTD_RETENTION_DAYS must lie between 0 and {MOST_RETENTION_DAYS}; unset it to keep for ever."
            )
        if not 0 <= self.orphan_seconds < math.inf:
            raise SettingsError("INPAINTD_ORPHAN_SECONDS must be 0 (never) or more.")
        if not SHORTEST_ORPHAN_TTL_SECONDS <= self.orphan_ttl_seconds < math.inf:
            # Younger objects may belong to a request or a result whose row is about to be written.
            raise SettingsError(f"INPAINTD_ORPHAN_TTL_SECONDS must be {SHORTEST_ORPHAN_TTL_SECONDS:g} or more.")

    def _check_addresses(self) -> None:
        for network in self.allowed_addresses:
            try:
                ip_network(network)
            except ValueError as problem:
                raise SettingsError(f"INPAINTD_ALLOWED_ADDRESSES must list networks: {problem}.") from problem

    def _check_oidc(self) -> None:
        together = (self.oidc_issuer, self.oidc_client_id, self.oidc_client_secret)
        if any(together) and not all(together):
            raise SettingsError("INPAINTD_OIDC_ISSUER, _CLIENT_ID and _CLIENT_SECRET belong together: set all or none.")
        if self.oidc_issuer and not self.oidc_issuer.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
            raise SettingsError(
                "INPAINTD_OIDC_ISSUER must start with https://: it says who may see quarantined pictures."
            )


def inherited_environment() -> dict[str, str]:
    """A copy of this process's environment, to be handed on to programs that it starts."""
    return dict(os.environ)
