"""docker/compose.yaml: against the Compose specification, the settings of the programs, and real servers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import redis
import yaml
from compose_spec import PyCompose
from redis.backoff import NoBackoff
from redis.retry import Retry

from producer.api.app import GRACE_SECONDS
from producer.settings import ProducerSettings
from storage.settings import StorageSettings
from tests import servers
from tests.contract.deploy.composed import DOCKER, FILES, composed, seconds, services
from tests.contract.deploy.known import GIVING_BACK_SECONDS, unknown
from worker.settings import WorkerSettings

OURS = ("api", "keeper", "worker", "migrate")
STREAMS_SECONDS = 5


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What docker/secrets.sh makes."""
    folder = tmp_path_factory.mktemp("deployment") / "secrets"
    subprocess.run([DOCKER / "secrets.sh", folder], check=True)
    return folder


@pytest.mark.parametrize("name", FILES)
def test_it_is_what_the_specification_says(name: str) -> None:
    read = PyCompose.from_yaml(yaml.safe_dump(composed(name)))
    read.validate()
    assert set(read.service_names()) == {*OURS, "database", "redis", "objects"}


@pytest.mark.parametrize("name", FILES)
def test_every_variable_is_one_that_a_program_reads(name: str) -> None:
    for service in OURS:
        assert unknown(services(name)[service]["environment"]) == set()


@pytest.mark.parametrize("name", FILES)
def test_every_program_gets_the_secrets_it_names_and_no_other(name: str) -> None:
    for service in OURS:
        found = services(name)[service]
        named = {value for key, value in found["environment"].items() if key.endswith("_FILE")}
        assert named == {f"/run/secrets/{secret}" for secret in found["secrets"]}, service


def test_the_secrets_are_those_that_the_script_makes(secrets: Path) -> None:
    made = {path.name for path in secrets.iterdir()}
    asked = composed("cpu")["secrets"]
    assert {secret["file"] for secret in asked.values()} == {f"secrets/{name}" for name in asked}
    assert set(asked) == made - {"redis_password"}
    assert secrets.stat().st_mode & 0o777 == 0o700


def test_secrets_are_made_once_and_differ(secrets: Path) -> None:
    before = {path.name: path.read_text() for path in secrets.iterdir()}
    subprocess.run([DOCKER / "secrets.sh", secrets], check=True)
    assert {path.name: path.read_text() for path in secrets.iterdir()} == before
    assert len(set(before.values())) == len(before)
    assert all(len(before[name].strip()) == 48 for name in ("mark_secret", "user_secret", "database_password"))


def test_programs_cannot_write_their_images_nor_gain_rights() -> None:
    for service in OURS:
        found = services("gpu")[service]
        assert found["read_only"] is True
        assert found["cap_drop"] == ["ALL"]
        assert found["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", FILES)
def test_everything_is_bounded_comes_back_and_can_be_asked_how_it_is(name: str) -> None:
    for service, found in services(name).items():
        assert {"cpus", "memory"} <= found["deploy"]["resources"]["limits"].keys(), service
        assert found["restart"] == ("on-failure" if service == "migrate" else "unless-stopped")
        assert "test" in found["healthcheck"] or service == "migrate"


@pytest.mark.parametrize("name", FILES)
def test_a_worker_is_given_longer_than_its_drain_takes(name: str) -> None:
    worker = services(name)["worker"]
    grace = float(worker["environment"]["INPAINTD_GRACE_SECONDS"])
    assert seconds(worker["stop_grace_period"]) >= grace + GIVING_BACK_SECONDS
    assert seconds(services(name)["api"]["stop_grace_period"]) >= GRACE_SECONDS + STREAMS_SECONDS
    assert worker["environment"]["INPAINTD_DEVICES"] == ("auto" if name == "gpu" else "cpu")


def test_ports_and_places_agree() -> None:
    found = services("cpu")
    port, keeper = ProducerSettings().port, found["keeper"]
    assert found["api"]["ports"] == [f"127.0.0.1:8000:{port}"], "not open to other machines"
    assert f"http://127.0.0.1:{port}/readyz" in found["api"]["healthcheck"]["test"]
    assert keeper["environment"]["INPAINTD_KEEPER_METRICS_PORT"] in keeper["healthcheck"]["test"][-1]
    assert (
        f"-s3.port={found['api']['environment']['INPAINTD_S3_ENDPOINT'].rpartition(':')[2]}"
        in (found["objects"]["command"])
    )
    assert found["worker"]["healthcheck"]["test"][-1] == "/run/inpaintd/ready"
    assert composed("cpu")["networks"]["inside"] == {"internal": True}
    for server in ("database", "redis", "objects"):
        assert found[server]["networks"] == ["inside"]
        assert "ports" not in found[server]


def test_the_worker_reads_its_settings_out_of_the_files(secrets: Path) -> None:
    for name in FILES:
        here = _as_mounted(services(name)["worker"]["environment"], secrets)
        storage, worker = StorageSettings.from_env(here), WorkerSettings.from_env(here)
        assert storage.database_url == (secrets / "database_url").read_text().strip()
        assert storage.sources == {"default": "pocket"}
        assert worker.grace_seconds > 0


def _as_mounted(environment: dict[str, str | None], secrets: Path) -> dict[str, str]:
    return {key: (value or "").replace("/run/secrets", str(secrets)) for key, value in environment.items()}


def test_redis_takes_its_command_and_throws_nothing_away(secrets: Path, tmp_path: Path) -> None:
    command = services("cpu")["redis"]["command"]
    port = servers.free_port()
    given = [word.replace("/run/secrets", str(secrets)).replace("/data", str(tmp_path)) for word in command[1:]]
    (binary, *_), _ = servers.redis_server(tmp_path, port)
    password = (secrets / "redis_password").read_text().strip()
    once = Retry(NoBackoff(), 0)
    client = redis.Redis(port=port, password=password, retry=once)
    with (
        servers.running([binary, *given, "--bind", "127.0.0.1", "--port", str(port)], client.ping, tmp_path / "log"),
        client,
    ):
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        assert client.config_get("appendonly")["appendonly"] == "yes"
        with redis.Redis(port=port, retry=once) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()


def test_pinning_names_every_foreign_image_once(tmp_path: Path) -> None:
    """A stand-in for docker answers with a digest; that it was asked as it wants to be asked is not shown by this."""
    (tmp_path / "docker").write_text(
        f"#!{sys.executable}\nprint('sha256:0' if 'python' in ' '.join(__import__('sys').argv) else 'sha256:1')\n"
    )
    (tmp_path / "docker").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run([DOCKER / "pin.sh"], env={"PATH": path}, capture_output=True, text=True, check=True)
    foreign = {found["image"] for found in services("cpu").values() if not found["image"].startswith("inpaintd-")}
    pinned = dict(line.split("=") for line in done.stdout.splitlines())
    assert {value.partition("@")[0] for value in pinned.values()} == {*foreign, "python:3.11-slim-bookworm"}
    assert pinned["PYTHON_IMAGE"].endswith("@sha256:0")
    assert all("@sha256:" in value for value in pinned.values())
