"""Settings of the storage package, and the one function by which every settings class reads the environment."""

from __future__ import annotations

import dataclasses
import os
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Self, TypeVar

from storage.aliases import sources_of
from storage.errors import SettingsError
from storage.tls import check_authority, redis_address

T = TypeVar("T")
SHORTEST_LEASE_SECONDS = 2.0
FILE = "_FILE"
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


def setting(env: str, doc: str, default: Any = dataclasses.MISSING, *, secret: bool = False) -> Any:
    """A dataclass field read from the variable `env`; `doc` is its line in the README's settings table.

    A `secret` stays out of every repr, and may lie in a file that `env` + `_FILE` names.
    """
    return field(default=default, repr=not secret, metadata={"env": env, "doc": doc, "secret": secret})


def read_settings(cls: type[T], env: Mapping[str, str] | None = None) -> T:
    """An instance of the dataclass `cls` with every field taken from the environment, or its default.

    Understands str, int, float, bool, Path, StrEnum, tuple[str, ...] (comma-separated) and `| None` of these.
    An empty variable counts as unset. Raises SettingsError for a missing or unusable value, and for a secret whose
    file cannot be used.
    """
    source = os.environ if env is None else env
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    for item in dataclasses.fields(cls):  # type: ignore[arg-type]
        name = item.metadata["env"]
        raw = secret_text(name, source) if item.metadata["secret"] else source.get(name, "")
        if raw != "":
            values[item.name] = _convert(name, raw, hints[item.name])
        elif item.default is dataclasses.MISSING:
            raise SettingsError(f"{name} is not set. It is needed: {item.metadata['doc']}")
    return cls(**values)


def secret_text(name: str, source: Mapping[str, str]) -> str:
    """The secret that `name` holds, or the file that `name` + `_FILE` names, without its last line end; "" for neither.

    Raises SettingsError if both are set, and for a file that cannot be read or is empty.
    """
    value, file = source.get(name, ""), source.get(name + FILE, "")
    if not file:
        return value
    if value:
        raise SettingsError(f"{name} and {name}{FILE} are both set; keep one of them.")
    try:
        text = Path(file).read_text("utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or "it is not UTF-8 text"
        raise SettingsError(
            f"{name}{FILE} names {file}, which cannot be read ({reason}); "
            "correct the path, or let the account of this process read the file."
        ) from problem
    if not text:
        raise SettingsError(f"{name}{FILE} names {file}, which is empty; write the value into it.")
    return text


def _convert(name: str, raw: str, hint: Any) -> Any:
    if isinstance(hint, types.UnionType):
        hint = next(option for option in typing.get_args(hint) if option is not type(None))
    if typing.get_origin(hint) is tuple:
        return tuple(part.strip() for part in raw.split(",") if part.strip())
    if hint is bool:
        return _truth(name, raw)
    try:
        return hint(raw)
    except ValueError as problem:
        wanted = f"one of: {', '.join(hint)}" if issubclass(hint, StrEnum) else f"a valid {hint.__name__}"
        raise SettingsError(f"{name}={raw!r} is not {wanted}; correct it or unset it.") from problem


def _truth(name: str, raw: str) -> bool:
    if raw.lower() in _TRUE:
        return True
    if raw.lower() in _FALSE:
        return False
    raise SettingsError(f"{name}={raw!r} is neither true nor false; use 1 or 0.")


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """Where the truth lives: database, object store and the Redis that rings."""

    database_url: str = setting(
        "INPAINTD_DATABASE_URL",
        "SQL database: `postgresql://user:password@host/name?sslmode=verify-full&sslrootcert=ca.pem` or "
        "`sqlite:///file.db`",
        secret=True,
    )
    redis_url: str = setting(
        "INPAINTD_REDIS_URL", "Redis that carries the doorbell: `redis://host:6379/0`; by TLS `rediss:`", secret=True
    )
    objects: str = setting("INPAINTD_OBJECTS", "where bytes are kept: `s3://bucket/prefix` or `file:///folder`")
    redis_ca: Path | None = setting(
        "INPAINTD_REDIS_CA", "PEM file of the authorities that Redis's certificate may be of; unset: the system's", None
    )
    redis_certificate: Path | None = setting(
        "INPAINTD_REDIS_CERTIFICATE", "PEM certificate to show to a Redis that asks for one", None
    )
    redis_certificate_key: Path | None = setting("INPAINTD_REDIS_CERTIFICATE_KEY", "its private key", None)
    s3_endpoint: str | None = setting("INPAINTD_S3_ENDPOINT", "S3 endpoint; unset: Amazon's own", None)
    s3_ca: Path | None = setting(
        "INPAINTD_S3_CA",
        "PEM file of the authorities that the endpoint's certificate may be of; unset: those of boto3",
        None,
    )
    s3_region: str = setting("INPAINTD_S3_REGION", "S3 region", "us-east-1")
    s3_access_key: str | None = setting(
        "INPAINTD_S3_ACCESS_KEY", "S3 access key; unset: boto3's usual chain of credentials", None, secret=True
    )
    s3_secret_key: str | None = setting("INPAINTD_S3_SECRET_KEY", "S3 secret key", None, secret=True)
    model: str | None = setting(
        "INPAINTD_MODEL",
        "what `default` runs: `pocket`, a hub id, a local folder, or a `.safetensors`/`.ckpt`; unset: `pocket`",
        None,
    )
    models: tuple[str, ...] = setting(
        "INPAINTD_MODELS",
        "models on offer, such as `photo=owner/name,xl=/models/xl`; may name `default` as well",
        (),
    )
    lease_seconds: float = setting(
        "INPAINTD_LEASE_SECONDS", "a worker that gives no sign for so long loses its jobs, which then run again", 45.0
    )
    log_json: bool = setting("INPAINTD_LOG_JSON", "log one JSON object a line instead of readable text", False)
    metrics_host: str | None = setting(
        "INPAINTD_METRICS_HOST",
        "address on which metrics are served to Prometheus; unset: `INPAINTD_HOST`, and 127.0.0.1 at workers",
        None,
    )
    otlp_endpoint: str | None = setting(
        "INPAINTD_OTLP_ENDPOINT",
        "OpenTelemetry collector that takes traces as OTLP over HTTP; unset: `OTEL_EXPORTER_OTLP_ENDPOINT`, or none",
        None,
    )

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Self:
        """Settings from the environment; raises SettingsError."""
        settings = read_settings(cls, env)
        if settings.otlp_endpoint is None:
            source = os.environ if env is None else env
            settings = dataclasses.replace(settings, otlp_endpoint=source.get("OTEL_EXPORTER_OTLP_ENDPOINT") or None)
        if not settings.objects.startswith(("s3://", "file:///")):
            raise SettingsError(
                "INPAINTD_OBJECTS must start with s3:// or file:///, for example file:///var/lib/inpaintd"
            )
        if settings.lease_seconds < SHORTEST_LEASE_SECONDS:
            raise SettingsError(f"INPAINTD_LEASE_SECONDS must be {SHORTEST_LEASE_SECONDS:g} or more: beats take turns.")
        sources_of(settings.models, settings.model)  # raises for what cannot be a registry
        check_authority("INPAINTD_S3_CA", settings.s3_ca)
        files = {
            "ca": settings.redis_ca,
            "certificate": settings.redis_certificate,
            "certificate_key": settings.redis_certificate_key,
        }
        return dataclasses.replace(settings, redis_url=redis_address(settings.redis_url, files))

    @property
    def sources(self) -> dict[str, str]:
        """Alias and source of every model on offer, `default` among them. Raises SettingsError."""
        return sources_of(self.models, self.model)


def read_failpoint() -> str:
    """INPAINTD_FAILPOINT, for tests only: see storage/failpoints.py."""
    return os.environ.get("INPAINTD_FAILPOINT", "")


def hub_cache(env: Mapping[str, str] | None = None) -> Path:
    """Where the Hugging Face libraries of this machine keep what they downloaded, by their own variables."""
    source = os.environ if env is None else env
    home = Path(source.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(source.get("HF_HUB_CACHE") or Path(source.get("HF_HOME") or home) / "hub").expanduser()


def folder_of(objects: str) -> Path:
    """The folder of a `file:///` address."""
    return Path(objects.removeprefix("file://"))
