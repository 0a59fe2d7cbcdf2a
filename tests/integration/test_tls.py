"""TLS to PostgreSQL, Redis and S3 by settings: real handshakes, and no word to a server that nobody vouches for."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import structlog
from click.testing import CliRunner
from kombu.exceptions import OperationalError
from redis import Redis

from producer.cli import main
from storage.broker import Doorbell, make_app, queue_of
from storage.errors import SettingsError
from storage.settings import StorageSettings
from tests import databases, servers
from tests.tls import certificate
from tests.tls_front import tls_front

HOST = "localhost"


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of the servers, which are their own authority."""
    folder = tmp_path_factory.mktemp("tls")
    certificate(folder, HOST)
    return folder / "server.pem"


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of another authority, for the same name."""
    folder = tmp_path_factory.mktemp("stranger")
    certificate(folder, HOST)
    return folder / "server.pem"


def context(pem: Path, *, clients: bool = False) -> ssl.SSLContext:
    """What a server with this certificate speaks; with `clients`, only to those that show one of its authority."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(pem)
    if clients:
        made.load_verify_locations(pem)
        made.verify_mode = ssl.CERT_REQUIRED
    return made


@pytest.fixture(scope="module")
def s3(pem: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.S3Server]:
    """An S3 server that speaks HTTPS."""
    folder = tmp_path_factory.mktemp("s3")
    plain, command = servers.s3_command(folder / "data")
    server = replace(plain, endpoint=plain.endpoint.replace("http://127.0.0.1", f"https://{HOST}"))
    command += ["--cert", str(pem), "--key", str(pem)]
    port = urlsplit(plain.endpoint).port
    with servers.running(command, lambda: ssl.get_server_certificate(("127.0.0.1", port or 0)), folder / "log"):
        yield server


@pytest.fixture(scope="module")
def deployment(
    pem: Path, postgres_server: str, redis_url: str, s3: servers.S3Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Settings of a deployment whose three services all speak TLS, and to Redis nobody without a certificate."""
    with contextlib.ExitStack() as stack:
        url = urlsplit(stack.enter_context(databases.migrated_postgres(postgres_server, "tls")))
        database, redis = servers.free_port(), servers.free_port()
        socket = Path(parse_qs(url.query)["host"][0]) / ".s.PGSQL.5432"
        stack.enter_context(tls_front(context(pem), database, socket, asked=True))
        stack.enter_context(tls_front(context(pem, clients=True), redis, urlsplit(redis_url).port or 0))
        yield {
            "INPAINTD_DATABASE_URL": f"postgresql://{url.username}@{HOST}:{database}/tls?sslmode=verify-full"
            f"&sslrootcert={pem}",
            "INPAINTD_REDIS_URL": f"rediss://{HOST}:{redis}/0",
            "INPAINTD_REDIS_CA": str(pem),
            "INPAINTD_REDIS_CERTIFICATE": str(pem),
            "INPAINTD_REDIS_CERTIFICATE_KEY": str(pem),
            "INPAINTD_OBJECTS": f"s3://{s3.bucket}/tls",
            "INPAINTD_S3_ENDPOINT": s3.endpoint,
            "INPAINTD_S3_ACCESS_KEY": s3.access_key,
            "INPAINTD_S3_SECRET_KEY": s3.secret_key,
            "INPAINTD_S3_CA": str(pem),
            "INPAINTD_MODEL": "sd-legacy/stable-diffusion-inpainting",
            "INPAINTD_MARK_SECRET": "0123456789abcdef",
            "INPAINTD_USER_SECRET": "0123456789abcdef",
            "INPAINTD_CREDENTIALS_DIR": str(tmp_path_factory.mktemp("credentials")),
        }


def doctor(deployment: dict[str, str], **changes: str) -> dict[str, str]:
    """What `inpaintd doctor` says of each thing, with its mark."""
    lines = CliRunner(env=deployment | changes).invoke(main, ["doctor"]).stdout.splitlines()
    return {line[6:].partition(":")[0]: line for line in lines}


def test_every_service_is_reached_by_tls(deployment: dict[str, str]) -> None:
    said = doctor(deployment)
    assert [line for line in said.values() if line.startswith("FAIL")] == []
    assert {what for what, line in said.items() if line.startswith("ok")} >= {"database", "schema", "redis", "objects"}


@pytest.mark.parametrize(
    ("what", "variable", "remedy"),
    [
        ("redis", "INPAINTD_REDIS_CA", "INPAINTD_REDIS_CA"),
        ("objects", "INPAINTD_S3_CA", "INPAINTD_S3_CA"),
        ("database", "INPAINTD_DATABASE_URL", "sslrootcert in INPAINTD_DATABASE_URL"),
    ],
)
def test_a_server_of_another_authority_is_refused(
    deployment: dict[str, str], pem: Path, stranger: Path, what: str, variable: str, remedy: str
) -> None:
    said = doctor(deployment, **{variable: deployment[variable].replace(str(pem), str(stranger))})
    assert said[what].startswith("FAIL")
    assert "certificate verify failed" in said[what]
    assert said[what].endswith(f"name the authority of its certificate by {remedy}.")


def test_a_server_of_another_name_is_refused(deployment: dict[str, str]) -> None:
    names = ("INPAINTD_DATABASE_URL", "INPAINTD_REDIS_URL", "INPAINTD_S3_ENDPOINT")
    said = doctor(deployment, **{name: deployment[name].replace(HOST, "127.0.0.1") for name in names})
    assert {what for what, line in said.items() if line.startswith("FAIL") and "match" in line} == {
        "database",
        "redis",
        "objects",
    }


def test_the_doorbell_rings_by_tls_alone(deployment: dict[str, str], redis_url: str) -> None:
    """Celery's own library would take any certificate, if the address did not say otherwise."""
    settings = StorageSettings.from_env(deployment)
    tricked = StorageSettings.from_env({name: text for name, text in deployment.items() if "REDIS_C" not in name})
    with Redis.from_url(redis_url) as redis, structlog.testing.capture_logs() as logs:
        for made, heard in ((settings, 1), (tricked, 0)):
            bell = Doorbell(made.redis_url)
            bell.ring("by-tls", "job_x")
            bell.close()
            assert redis.llen(queue_of("by-tls")) == heard
            redis.delete(queue_of("by-tls"))
        app = make_app(tricked.redis_url)
        with pytest.raises(OperationalError, match="certificate verify failed"):
            app.connection_for_read().ensure_connection(max_retries=1, interval_start=0, reraise_as_library_errors=True)
        app.close()
    assert [entry["event"] for entry in logs] == ["ring_failed"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"INPAINTD_REDIS_URL": "redis://localhost/0"}, "begin INPAINTD_REDIS_URL with rediss://"),
        ({"INPAINTD_REDIS_CA": "/nowhere.pem"}, r"REDIS_CA names /nowhere.pem, .*\(No such file or directory\)"),
        ({"INPAINTD_REDIS_CA": "/dev/null"}, "REDIS_CA names /dev/null, which holds no certificates"),
        ({"INPAINTD_S3_CA": "/dev/null"}, "S3_CA names /dev/null, which holds no certificates"),
        ({"INPAINTD_REDIS_CERTIFICATE_KEY": ""}, "belong together"),
        ({"INPAINTD_REDIS_CERTIFICATE": "/dev/null"}, "name a PEM certificate and its own key"),
    ],
)
def test_files_that_cannot_be_used_are_named_before_anything_connects(
    deployment: dict[str, str], changes: dict[str, str], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        StorageSettings.from_env(deployment | changes)


def test_what_the_address_itself_says_of_tls_stays(deployment: dict[str, str]) -> None:
    address = deployment["INPAINTD_REDIS_URL"] + "?ssl_ca_certs=/my.pem&health_check_interval=5"
    query = parse_qs(urlsplit(StorageSettings.from_env(deployment | {"INPAINTD_REDIS_URL": address}).redis_url).query)
    assert query["ssl_ca_certs"] == ["/my.pem"]
    assert query["health_check_interval"] == ["5"]
    assert query["ssl_cert_reqs"] == ["required"]
