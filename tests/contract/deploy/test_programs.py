"""The programs of the images, started as the images start them, and their health checks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from producer import probe
from storage import schema
from storage.database import Database
from tests.contract.deploy.composed import seconds, services
from tests.servers import free_port

BIN = Path(sys.executable).parent


def command_of(service: str, port: int) -> list[str]:
    """A service's health check, asked of `port` here."""
    (_, *command) = services("cpu")[service]["healthcheck"]["test"]
    address = command[-1].split(":")
    return [str(BIN / command[0]), *command[1:-1], f"http://127.0.0.1:{port}/{address[2].partition('/')[2]}"]


def is_well(command: list[str]) -> bool:
    """What Docker would find."""
    return subprocess.run(command, check=False).returncode == 0


@contextmanager
def started(service: str, env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The program of a service, asked to end as Docker asks, in the time that Docker gives."""
    arguments = services("cpu")[service].get("command", ["api"])
    with log.open("wb") as output:
        process = subprocess.Popen([BIN / "inpaintd", *arguments], env=env, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield process
            process.terminate()
            status = process.wait(seconds(services("cpu")[service]["stop_grace_period"]))
            # uvicorn, once it has closed everything, ends by the signal itself.
            assert status in (0, -signal.SIGTERM), log.read_text()
        finally:
            process.kill()
            process.wait()


def environment(sqlite_url: str, redis_url: str, folder: Path) -> dict[str, str]:
    """A deployment without S3, on free ports."""
    return {
        **os.environ,
        "INPAINTD_DATABASE_URL": sqlite_url,
        "INPAINTD_REDIS_URL": redis_url,
        "INPAINTD_OBJECTS": f"file://{folder / 'objects'}",
        "INPAINTD_PORT": str(free_port()),
        "INPAINTD_KEEPER_METRICS_PORT": str(free_port()),
    }


def test_health_checks_tell_programs_that_answer_from_others(sqlite_url: str, redis_url: str, tmp_path: Path) -> None:
    env = environment(sqlite_url, redis_url, tmp_path)
    ports = {"api": int(env["INPAINTD_PORT"]), "keeper": int(env["INPAINTD_KEEPER_METRICS_PORT"])}
    checks = {service: command_of(service, port) for service, port in ports.items()}
    assert not is_well(checks["api"])
    with (
        started("api", env, tmp_path / "api.log") as api,
        started("keeper", env, tmp_path / "keeper.log") as keeper,
    ):
        processes = {"api": api, "keeper": keeper}
        for service, check in checks.items():
            while not probe.answers(check[-1]):
                assert processes[service].poll() is None, (tmp_path / f"{service}.log").read_text()
                time.sleep(0.05)
            assert is_well(check)
        assert not is_well([*checks["api"][:-1], f"http://127.0.0.1:{ports['api']}/v1/jobs"]), "401 is no health"


def test_the_probe_loads_nothing_that_takes_time() -> None:
    loaded = "import sys, producer.probe; print({name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-P", "-c", loaded], capture_output=True, text=True, check=True)
    assert not {"fastapi", "sqlalchemy", "boto3", "celery", "pydantic", "structlog"} & eval(done.stdout)


def test_a_program_waits_for_migrations_but_not_for_those_it_does_not_know(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "LOOK_SECONDS", 0.01)
    fresh = Database(f"sqlite:///{tmp_path / 'fresh.db'}")
    assert schema.is_behind(fresh)
    assert not schema.await_schema(fresh, 0.05)
    fresh.close()
    ready = Database(sqlite_url)
    assert schema.await_schema(ready, 5)
    monkeypatch.setattr(schema, "current_revision", lambda _: "of-the-next-version")
    assert not schema.is_behind(ready), "an old program may come back after an upgrade"
    ready.close()


def test_a_database_that_is_not_there_yet_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {
        "INPAINTD_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "INPAINTD_REDIS_URL": "redis://127.0.0.1:1/0",
        "INPAINTD_OBJECTS": "s3://nothing",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(schema, "WAIT_SECONDS", 0.05)
    monkeypatch.setattr(schema, "LOOK_SECONDS", 0.01)
    assert schema.main() == 1
    assert "inpaintd migrate" in capsys.readouterr().err
