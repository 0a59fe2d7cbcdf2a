"""`inpaintd api`, `worker`, `keeper` and `plan`: the programs of a deployment, each in the foreground."""

from __future__ import annotations

import importlib.util
import os
import socket
import sys

import click

from producer.cli.plain_errors import Misuse
from producer.settings import ProducerSettings
from storage.loading import loading
from storage.logs import configure_logging
from storage.settings import StorageSettings, secret_text


@click.command()
@click.option("--fd", type=int, help="Serve on this listening socket, inherited from the parent process.")
def api(fd: int | None) -> None:
    """Serve the HTTP interface until interrupted."""
    _need("fastapi", "api")
    with loading():
        from prometheus_client import REGISTRY

        from producer.api.app import server
        from producer.services import open_services
        from safety.settings import SafetySettings
        from storage import tracing
        from storage.exposition import serving

        storage, producer = _settings(), ProducerSettings.from_env()
        tracing.start("api", storage.otlp_endpoint)
        listening = server(open_services(storage, SafetySettings.from_env(secret_text), producer))
    with serving(REGISTRY, storage.metrics_host or producer.host, producer.api_metrics_port):
        listening.run(sockets=None if fd is None else [socket.socket(fileno=fd)])
    tracing.stop()


@click.command()
def worker() -> None:
    """Run jobs on every device of this machine until interrupted."""
    _need("torch", "worker")
    os.execv(sys.executable, [sys.executable, "-P", "-m", "worker.fleet"])  # noqa: S606  (fixed arguments)


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []}, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def plan(arguments: tuple[str, ...]) -> None:
    """Say how many GPUs a load needs: --rate, --mix, --table; --help tells more."""
    # The engine that it simulates is the workers', which nothing here may import.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "worker.plan", *arguments])  # noqa: S606  (a program of ours)


@click.command()
def keeper() -> None:
    """Take back lost jobs, expire late ones, ring again and erase what is old, until interrupted."""
    with loading():
        from producer.keeper.program import run_keeper
        from safety.policy import load_policy
        from safety.settings import SafetySettings

        settings, policy = _settings(), load_policy(SafetySettings.from_env(secret_text).policy)
    run_keeper(settings, ProducerSettings.from_env(), policy)


def _settings() -> StorageSettings:
    settings = StorageSettings.from_env()
    configure_logging(json=settings.log_json)
    return settings


def _need(package: str, extra: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise Misuse(f"This installation cannot do that yet: pip install 'inpaintd[{extra}]'.")
