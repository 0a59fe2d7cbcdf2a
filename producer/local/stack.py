"""The embedded stack: Redis, API, keeper and workers of one folder, started together and stopped in order."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from producer.local.child import Child, python_program
from producer.local.folder import StackFolder, write_private
from producer.local.redis_server import start_redis
from producer.local.sockets import LOOPBACK, listen
from producer.local_errors import ChildDied
from producer.settings import inherited_environment
from storage.database import Database, migrate
from storage.key_store import SCOPES, KeyStore
from storage.settings import FILE

READY_SECONDS = 60.0
LOOK_SECONDS = 0.25
# In the order in which they are stopped, with the seconds each may take: a worker first finishes its steps.
GRACE = {"worker": 60.0, "api": 10.0, "keeper": 10.0, "redis": 10.0}


class LocalStack:
    """Everything inpaintd needs, in `folder`. Use it in a `with` block; what it stored is there the next time.

    `port` 0 means a free one. `devices` is INPAINTD_DEVICES of the workers; None leaves the environment's.
    `redis_url` names a Redis to use instead of starting one. `environment` is what the programs get beside the
    stack's own settings; by default, what this process has.
    """

    def __init__(
        self,
        folder: Path,
        port: int = 0,
        devices: str | None = "cpu",
        *,
        redis_url: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = StackFolder(folder.absolute())
        self.url = ""
        self.key = ""
        self._port = port
        self._devices = devices
        self._redis_url = redis_url
        self._environment = inherited_environment() if environment is None else dict(environment)
        self._children: dict[str, Child] = {}

    def start(self) -> None:
        """Starts everything and returns when jobs are taken. Raises LocalStackError, with nothing left running."""
        self.folder.take()
        try:
            self._start_children()
        except BaseException:
            self.stop()
            raise

    def watch(self) -> None:
        """Returns never; raises ChildDied when one of the programs ends by itself."""
        while True:
            self.check()
            time.sleep(LOOK_SECONDS)

    def check(self) -> None:
        """Raises ChildDied if one of the programs has ended by itself."""
        for child in self._children.values():
            child.check()

    def stop(self) -> None:
        """Stops everything in order. A second interrupt meanwhile kills what is left at once."""
        try:
            for name, seconds in GRACE.items():
                if name in self._children:
                    self._children[name].stop(seconds)
        finally:
            for child in self._children.values():
                child.kill()
            self._children.clear()
            self.folder.release()

    def _start_children(self) -> None:
        environment, redis_url = self._environment, self._redis_url
        if redis_url is None:
            self._children["redis"], redis_url = start_redis(self.folder, environment)
        self.key = self._prepare_database()
        own = self._settings(redis_url)
        # A secret that the caller keeps in a file would stand beside the stack's own.
        environment = {name: value for name, value in environment.items() if name.removesuffix(FILE) not in own} | own
        with listen(self._port) as server:
            port = server.getsockname()[1]
            self.url = f"http://{LOOPBACK}:{port}"
            environment |= {"INPAINTD_HOST": LOOPBACK, "INPAINTD_PORT": str(port)}
            api = python_program("producer.cli", "api", "--fd", str(server.fileno()))
            self._start("api", api, environment, (server.fileno(),))
        self._start("keeper", python_program("producer.cli", "keeper"), environment)
        self._start("worker", python_program("worker.fleet"), environment)
        self._wait_until_ready()

    def _start(self, name: str, command: list[str], environment: dict[str, str], fds: tuple[int, ...] = ()) -> None:
        self._children[name] = Child(name, command, self.folder.log(name), environment, fds)

    def _prepare_database(self) -> str:
        migrate(self.folder.database_url)
        database = Database(self.folder.database_url)
        try:
            return _admin_key(KeyStore(database), self.folder.key_file)
        finally:
            database.close()

    def _settings(self, redis_url: str) -> dict[str, str]:
        own = {
            "INPAINTD_DATABASE_URL": self.folder.database_url,
            "INPAINTD_OBJECTS": self.folder.objects_url,
            "INPAINTD_REDIS_URL": redis_url,
            "INPAINTD_CREDENTIALS_DIR": str(self.folder.credentials),
            "INPAINTD_MARK_SECRET": self.folder.secret("mark"),
            "INPAINTD_USER_SECRET": self.folder.secret("user"),
            # A folder where the command happens to run must not pose as one of our packages.
            "PYTHONSAFEPATH": "1",
        }
        return own if self._devices is None else own | {"INPAINTD_DEVICES": self._devices}

    def _wait_until_ready(self) -> None:
        end = time.monotonic() + READY_SECONDS
        # One for all questions: to make a client takes as long as to ask ten times, while the programs need the time.
        with httpx.Client(timeout=1, trust_env=False) as http:
            while not _is_ready(http, self.url):
                self.check()
                if time.monotonic() > end:
                    log = self.folder.log("api")
                    raise ChildDied(f"The api was not ready within {READY_SECONDS:g} s; see {log}.")
                time.sleep(0.05)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def _admin_key(keys: KeyStore, path: Path) -> str:
    key = path.read_text().strip() if path.exists() else ""
    if not key or keys.authenticate(key) is None:
        key = keys.create_key(keys.create_tenant("admin"), SCOPES)
        write_private(path, key)
    return key


def _is_ready(http: httpx.Client, url: str) -> bool:
    try:
        return http.get(f"{url}/readyz").is_success
    except httpx.TransportError:
        return False
