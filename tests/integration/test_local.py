"""The embedded stack, as programs of its own: one folder, one key, and nothing left running."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import redis

from producer.client import Client
from producer.local.stack import LocalStack
from producer.local_errors import ChildDied, FolderBusy, PortTaken
from producer.settings import inherited_environment
from tests.contract.api.serving import mask, model_folder, photo

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc"),
]
START_SECONDS = 120.0
READY = re.compile(r"inpaintd is ready at (http://127\.0\.0\.1:\d+)")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the programs run with: as much of a model as the API reads, and workers that never get ready.

    To load torch would take longer than all the rest, and to fail again and again as well.
    """
    model = model_folder(tmp_path_factory.mktemp("model") / "tiny-model")
    shadows = tmp_path_factory.mktemp("shadows")
    (shadows / "torch.py").write_text("import signal\n\nsignal.pause()\n")
    clean = {name: value for name, value in inherited_environment().items() if not name.startswith("INPAINTD_")}
    own = {"INPAINTD_MODEL": str(model), "INPAINTD_DEVICES": "cpu", "PYTHONPATH": str(shadows)}
    # A secret of the caller's, in a file, which the stack's own must replace.
    return {**clean, **own, "INPAINTD_USER_SECRET_FILE": "/nowhere"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose name would trip careless URLs and command lines."""
    return tmp_path / "a folder%20with?odd&name"


@contextmanager
def up(folder: Path, environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`inpaintd up` on a free port, once it is ready, and its URL."""
    command = [sys.executable, "-m", "producer.cli", "up", "--dir", str(folder), "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = READY.match(process.stdout.readline())
            assert ready is not None
            yield process, ready[1]
        finally:
            process.kill()


def processes() -> list[tuple[int, int, str]]:
    """Number, parent's number and command line of every process, as proc(5) tells."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            command = (folder / "cmdline").read_text().replace("\0", " ").strip()
            found.append((int(folder.name), int(parent), command))
    return found


def children(process: int) -> set[int]:
    """The processes that `process` started and that still run, and those that these started."""
    pairs = [(pid, parent) for pid, parent, _ in processes()]
    direct = {pid for pid, parent in pairs if parent == process}
    return direct | {pid for pid, parent in pairs if parent in direct}


def wait_until(true: Callable[[], bool]) -> None:
    """Fails the test if `true()` does not come true in time."""
    end = time.monotonic() + START_SECONDS
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_up_serves_until_told_to_stop_and_goes_on_where_it_was(folder: Path, environment: dict[str, str]) -> None:
    with up(folder, environment) as (process, url):
        key_file = folder / "admin.key"
        key = key_file.read_text().strip()
        assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
        with Client(url, key) as client:
            job = client.submit(photo(), mask(), "a red circle")
            assert job["status"] == "queued"
        assert "Repaint a part of a picture" in httpx.get(url).text
        with pytest.raises(FolderBusy, match="Another inpaintd runs"):
            LocalStack(folder).start()
        started = children(process.pid)
        assert len(started) >= 4
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
        assert not [child for child in started if runs(child)]
    with LocalStack(folder, environment=environment) as stack, Client(stack.url, stack.key) as client:
        assert stack.key == key
        assert [found["id"] for found in client.list()["data"]] == [job["id"]]
        with redis.Redis(port=_redis_port(folder)) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()


def _redis_port(folder: Path) -> int:
    found = re.search(r"^port (\d+)$", (folder / "redis" / "redis.conf").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def test_nothing_outlives_a_stack_that_is_killed(folder: Path, environment: dict[str, str]) -> None:
    with up(folder, environment) as (process, _):
        started = children(process.pid)
        process.kill()
        wait_until(lambda: not any(runs(child) for child in started))


def test_a_program_that_dies_is_named_and_ends_the_stack(folder: Path, environment: dict[str, str]) -> None:
    before = children(os.getpid())
    with LocalStack(folder, environment=environment) as stack:
        started = children(os.getpid()) - before
        (keeper,) = (pid for pid, _, command in processes() if pid in started and command.endswith("keeper"))
        os.kill(keeper, signal.SIGKILL)
        with pytest.raises(ChildDied, match="The keeper ended by itself"):
            stack.watch()
    assert not [child for child in started if runs(child)]


def test_a_taken_port_is_said_at_once_and_leaves_nothing_behind(folder: Path, environment: dict[str, str]) -> None:
    before = children(os.getpid())
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        for _ in range(2):  # the second time shows that the folder was let go
            with pytest.raises(PortTaken, match=str(port)):
                LocalStack(folder, port, environment=environment).start()
    assert children(os.getpid()) == before
