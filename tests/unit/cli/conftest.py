"""The commands and the client against a real service."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner, Result

from producer.cli import main
from producer.client import Client
from tests.contract.api.callers import tenant
from tests.contract.api.serving import Stack, Tenant, running
from tests.contract.client.pictures import Pictures, pictures

__all__ = ["Pictures", "pictures", "tenant"]

Run = Callable[..., Result]
Admin = Callable[..., Result]


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database that is not there yet."""
    return f"sqlite:///{tmp_path / 'inpaintd.db'}"


@pytest.fixture
def admin(url: str, redis_url: str, tmp_path: Path) -> Admin:
    """Runs a command in a sound deployment; named variables change its settings, `input` is typed at it."""
    sound = {
        "INPAINTD_DATABASE_URL": url,
        "INPAINTD_REDIS_URL": redis_url,
        "INPAINTD_OBJECTS": f"file://{tmp_path / 'objects'}",
        "INPAINTD_MODEL": "sd-legacy/stable-diffusion-inpainting",
        "INPAINTD_MODELS": "wide=diffusers/stable-diffusion-xl-1.0-inpainting-0.1",
        "INPAINTD_MARK_SECRET": "0123456789abcdef",
        "INPAINTD_CREDENTIALS_DIR": str(tmp_path / "credentials"),
        "INPAINTD_USER_SECRET": "0123456789abcdef",
        "INPAINTD_POLICY": "",
    }

    def invoke(*arguments: str, input: str | None = None, **changes: str) -> Result:
        return CliRunner(env={**sound, **changes}).invoke(main, arguments, input=input)

    return invoke


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A service without a worker; tests do the worker's part."""
    # The service runs in this process, and what it logs is not what a command prints.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    with running(tmp_path_factory.mktemp("stack")) as stack:
        yield stack
    structlog.reset_defaults()


@pytest.fixture
def client(tenant: Tenant) -> Iterator[Client]:
    """The client with the tenant's key."""
    with Client(tenant.stack.url, tenant.key) as client:
        yield client


@pytest.fixture
def run(tenant: Tenant) -> Run:
    """Runs an `inpaintd` command with the tenant's key; named variables change its environment."""

    def invoke(*arguments: object, **environment: str | None) -> Result:
        runner = CliRunner(env={"INPAINTD_URL": tenant.stack.url, "INPAINTD_KEY": tenant.key, **environment})
        return runner.invoke(main, [str(argument) for argument in arguments])

    return invoke
