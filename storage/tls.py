"""TLS to the services: the operator's files, checked before anything connects, and a Redis address that carries them.

PostgreSQL needs none of this: its driver takes `sslmode`, `sslrootcert`, `sslcert` and `sslkey` out of the address.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from storage.errors import SettingsError

SCHEME = "rediss"


def redis_address(url: str, files: Mapping[str, Path | None]) -> str:
    """`url` with what a `rediss:` connection is to hold the server against, in the query that redis-py and kombu read.

    `files` are `ca`, `certificate` and `certificate_key`, None for those that are not set; without a `ca`, this
    machine's own authorities count. Parameters that `url` brings along stay. Raises SettingsError for files of a
    connection without TLS, files that cannot be used, and a certificate without its key.
    """
    parts = urlsplit(url)
    if parts.scheme != SCHEME:
        if any(files.values()):
            raise SettingsError("INPAINTD_REDIS_CA and its like are for TLS: begin INPAINTD_REDIS_URL with rediss://.")
        return url
    check_authority("INPAINTD_REDIS_CA", files["ca"])
    _check_pair(files["certificate"], files["certificate_key"])
    # Celery's kombu would otherwise take any certificate.
    wanted = {
        "ssl_cert_reqs": "required",
        "ssl_ca_certs": files["ca"],
        "ssl_certfile": files["certificate"],
        "ssl_keyfile": files["certificate_key"],
    }
    query = {name: str(value) for name, value in wanted.items() if value} | dict(parse_qsl(parts.query))
    return urlunsplit(parts._replace(query=urlencode(query)))


def check_authority(variable: str, file: Path | None) -> None:
    """Raises SettingsError unless `file`, which `variable` names, holds certificates in PEM; None passes."""
    if file is None:
        return
    try:
        ssl.create_default_context(cafile=str(file))
    except OSError as problem:  # an SSLError is one
        raise SettingsError(
            f"{variable} names {file}, which holds no certificates that can be read ({_reason(problem)}); "
            "name a PEM file with those of the authorities to trust."
        ) from problem


def _check_pair(certificate: Path | None, key: Path | None) -> None:
    if certificate is None and key is None:
        return
    if certificate is None or key is None:
        raise SettingsError("INPAINTD_REDIS_CERTIFICATE and INPAINTD_REDIS_CERTIFICATE_KEY belong together: set both.")
    try:
        ssl.create_default_context().load_cert_chain(certificate, key, password="")
    except OSError as problem:
        raise SettingsError(
            f"INPAINTD_REDIS_CERTIFICATE names {certificate}, and its key {key}, which cannot be used "
            f"({_reason(problem)}); name a PEM certificate and its own key, without password."
        ) from problem


def _reason(problem: OSError) -> str:
    return (problem.strerror or str(problem)) if problem.errno is not None else str(problem)
