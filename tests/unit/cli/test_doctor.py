"""`inpaintd doctor` on things that are really broken: each is named, with what to do."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from producer.doctor import storing
from producer.doctor.database import check_clock, examine_database
from producer.doctor.finding import Finding, Outcome
from producer.doctor.machine import examine_devices, examine_traces
from producer.doctor.models import examine_model
from producer.doctor.redis import examine_redis
from producer.doctor.secrets import examine_safety
from producer.doctor.storing import examine_disks, examine_objects
from storage.database import Database, migrate
from storage.key_store import KeyStore
from storage.models import POCKET_FOLDER
from storage.settings import StorageSettings
from storage.webhook_store import WebhookStore
from storage.webhook_tables import webhook_endpoints
from tests import servers
from tests.collector import collecting


def by_name(findings: Iterator[Finding]) -> dict[str, Finding]:
    return {finding.what: finding for finding in findings}


@pytest.mark.parametrize(("off", "outcome"), [(0, "ok"), (60, "warn"), (-60, "warn"), (3600, "fail")])
def test_a_clock_that_is_off_is_noticed(database: Database, off: float, outcome: str) -> None:
    finding = check_clock(database, lambda: time.time() + off)
    assert finding.outcome == outcome
    if off:
        assert f"{abs(off)}." in finding.detail
        assert ("behind" if off > 0 else "ahead of") in finding.detail
        assert "NTP" in finding.detail


def test_either_database_says_its_version_and_a_sound_one_is_well(database: Database) -> None:
    told = by_name(examine_database(database))
    assert {finding.outcome for finding in told.values()} == {Outcome.OK}
    assert told["database version"].detail.startswith(("SQLite 3", "PostgreSQL 1"))


def test_a_short_webhook_secret_is_named_with_its_endpoint(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    tenant = KeyStore(database).create_tenant("acme")
    webhook = WebhookStore(database).create(tenant, "https://example.org", ["job.failed"]).id
    for text in ("whsec_c2hvcnQ=", "password"):
        weak = [{"text": text, "expires_at": None}]
        with database.transaction() as connection:
            connection.execute(sa.update(webhook_endpoints).values(secrets=weak))
        finding = by_name(examine_database(database))["webhook secrets"]
        assert finding.outcome is Outcome.WARN
        assert webhook in finding.detail
        assert "rotate" in finding.detail
    database.close()


@pytest.fixture
def redis_with(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts a Redis with these options and gives its address."""
    with contextlib.ExitStack() as stack:

        def start(*options: str) -> str:
            port = servers.free_port()
            command, is_up = servers.redis_server(tmp_path, port)
            stack.enter_context(servers.running([*command, *options], is_up, tmp_path / "redis.log"))
            return f"redis://127.0.0.1:{port}/0"

        yield start


def test_a_redis_that_evicts_and_forgets_is_told_how_not_to(redis_with: Callable[..., str]) -> None:
    careless = by_name(examine_redis(redis_with("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")))
    assert careless["redis"].outcome is Outcome.OK
    for what, setting in (("redis eviction", "noeviction"), ("redis persistence", "appendonly yes")):
        assert careless[what].outcome is Outcome.WARN
        assert setting in careless[what].detail
    sound = by_name(examine_redis(redis_with("--maxmemory-policy", "noeviction", "--appendonly", "yes")))
    assert {finding.outcome for finding in sound.values()} == {Outcome.OK}


def test_s3_that_refuses_or_lacks_the_bucket_is_noticed_and_nothing_stays(s3_settings: StorageSettings) -> None:
    (well,) = examine_objects(s3_settings)
    assert (well.outcome, well.detail) == (Outcome.OK, "writing, reading and deleting work")
    for broken in (
        replace(s3_settings, s3_secret_key="wrong"),
        replace(s3_settings, objects="s3://no-such-bucket/x"),
        replace(s3_settings, s3_endpoint="http://127.0.0.1:1"),
    ):
        (finding,) = examine_objects(broken)
        assert finding.outcome is Outcome.FAIL
        assert "INPAINTD_S3_" in finding.detail


@pytest.mark.parametrize(("low", "none", "outcome"), [(10**18, 0, "warn"), (10**18, 10**18, "fail")])
def test_little_room_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, low: int, none: int, outcome: str
) -> None:
    monkeypatch.setattr(storing, "LOW_DISK_BYTES", low)
    monkeypatch.setattr(storing, "NO_DISK_BYTES", none)
    settings = StorageSettings(f"sqlite:///{tmp_path / 'jobs.db'}", "redis://127.0.0.1:1/0", f"file://{tmp_path}")
    told = list(examine_disks(settings))
    assert [finding.outcome for finding in told] == [outcome, outcome]
    assert all(f"make room in {tmp_path}" in finding.detail for finding in told)


def test_weights_that_are_cut_short_are_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(POCKET_FOLDER, folder)
    whole = by_name(examine_model("photo", str(folder)))["files of photo"]
    assert whole.outcome is Outcome.OK
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    with weights.open("r+b") as file:
        file.truncate(weights.stat().st_size - 10)
    short = by_name(examine_model("photo", str(folder)))["files of photo"]
    assert short.outcome is Outcome.FAIL
    assert f"{weights} is cut short by 10 bytes" in short.detail
    weights.write_bytes(b"not a model")
    assert "fetch it again" in by_name(examine_model("photo", str(folder)))["files of photo"].detail


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts an `nvidia-smi` on the path that is this shell script: the one thing that no machine here has."""

    def put(script: str) -> None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    return put


LIST = '[ "$1" = --list-gpus ] && echo "GPU 0: NVIDIA H200 (UUID: GPU-1)" && exit 0\n'


@pytest.mark.parametrize(
    ("script", "devices", "outcomes", "words"),
    [
        (f"{LIST}echo '0, NVIDIA H200, 570.1, 143771, 4'", "auto", ["ok", "ok"], "NVIDIA H200, driver 570.1"),
        (f"{LIST}echo '0, NVIDIA H200, 570.1, 143771, 90000'", "0", ["ok", "warn"], "90000 MiB of them in use"),
        (f"{LIST}exit 9", "0", ["ok", "fail"], "does not answer"),
        (LIST, "3", ["fail"], "there is no GPU 3 here"),
        (LIST, "nonsense", ["fail"], "INPAINTD_DEVICES"),
    ],
)
def test_devices_are_looked_at_by_the_workers_own_eyes(
    smi: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    devices: str,
    outcomes: list[str],
    words: str,
) -> None:
    smi(script)
    monkeypatch.setenv("INPAINTD_DEVICES", devices)
    told = list(examine_devices())
    assert [finding.outcome for finding in told] == outcomes
    assert words in told[-1].detail


def test_a_collector_that_is_away_is_a_warning_and_one_that_answers_is_well() -> None:
    with collecting() as collector:
        (well,) = examine_traces(collector.endpoint)
    (away,) = examine_traces("http://127.0.0.1:1")
    assert (well.outcome, away.outcome) == (Outcome.OK, Outcome.WARN)
    assert "INPAINTD_OTLP_ENDPOINT" in away.detail
    assert list(examine_traces(None)) == []


@pytest.mark.parametrize(
    ("what", "setting", "weak"),
    [("mark secret", "INPAINTD_MARK_SECRET", "a" * 20), ("user secret", "INPAINTD_USER_SECRET", "hunter2")],
)
def test_a_weak_secret_is_noticed_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, what: str, setting: str, weak: str
) -> None:
    monkeypatch.setenv(setting, weak)
    finding = by_name(examine_safety())[what]
    assert finding.outcome is Outcome.WARN
    assert "openssl rand" in finding.detail
    assert weak not in finding.detail


def test_an_old_schema_is_told_to_be_migrated_and_then_is_well(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    database = Database(url)
    before = by_name(examine_database(database))["schema"]
    migrate(url)
    after = by_name(examine_database(database))["schema"]
    database.close()
    assert (before.outcome, after.outcome) == (Outcome.FAIL, Outcome.OK)
    assert "inpaintd migrate" in before.detail
