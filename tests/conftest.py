"""Fixtures that several folders of tests share: databases and object stores, each on a real server."""

from __future__ import annotations

import gc
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from storage.database import Database
from storage.object_store import ObjectStore, open_object_store
from storage.settings import StorageSettings
from tests import databases, servers
from tests.tls import certificate

# Several of these processes share a machine; more threads in each only wait for one another. For their children too,
# and before anything loads numpy or torch.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Collecting imports torch and all; see storage.loading.
gc.disable()

_numbers = itertools.count()
# What starts programs waits a lot, and would at the end be all that still runs.
_FIRST = ("tests/chaos/", "tests/e2e/", "tests/integration/")

# No property depends on how fast a machine is: by default an example of more than 200 ms fails.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# The default writes tracebacks with every local variable, which takes seconds and hides the test's own words.
structlog.configure(processors=[structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the tests that take long in front; xdist hands files out in this order."""
    items.sort(key=lambda item: not item.nodeid.startswith(_FIRST))


def pytest_collection_finish() -> None:
    """From here on garbage is searched for, though never again in what was imported: each search would walk over it."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _one_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Every HTTP client, here and in programs that are started, trusts this alone, unless a test says otherwise.

    It would read the certificates of all the world's authorities first, which takes longer than most tests.
    """
    folder = tmp_path_factory.mktemp("authority")
    certificate(folder, "nobody.invalid")  # the name of no server: authorities of one name are taken for each other
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(folder / "server.pem"))
        yield


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL that this session started. Its data need not outlive it."""
    with servers.postgres(durable=False) as server:
        yield server.uri


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Redis that this session started."""
    folder, port = tmp_path_factory.mktemp("redis"), servers.free_port()
    command, is_up = servers.redis_server(folder, port)
    with servers.running(command, is_up, folder / "log"):
        yield f"redis://127.0.0.1:{port}/0"


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.S3Server]:
    """An S3 server that this session started."""
    folder = tmp_path_factory.mktemp("s3")
    with servers.s3(folder / "data", folder / "log") as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A migrated PostgreSQL database of this test's own."""
    with databases.swept_postgres(postgres_server) as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A migrated SQLite database of this test's own."""
    return databases.migrated_sqlite(tmp_path / "inpaintd.db")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Both kinds of database in turn, for tests that hold for either."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An open database of either kind."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def s3_settings(s3_server: servers.S3Server) -> StorageSettings:
    """Storage settings that lead to a prefix of this test's own on the S3 server."""
    return StorageSettings(
        database_url="sqlite://",
        redis_url="redis://127.0.0.1:1/0",
        objects=f"s3://{s3_server.bucket}/test-{next(_numbers)}",
        s3_endpoint=s3_server.endpoint,
        s3_access_key=s3_server.access_key,
        s3_secret_key=s3_server.secret_key,
    )


@pytest.fixture(params=["folder", "s3"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """Both kinds of object store in turn."""
    if request.param == "folder":
        address = f"file://{tmp_path / 'objects'}"
        return open_object_store(StorageSettings("sqlite://", "redis://127.0.0.1:1/0", address))
    settings: StorageSettings = request.getfixturevalue("s3_settings")
    return open_object_store(settings)
