"""An older version and today's, side by side on one database: python -m tests.upgrade_check <git ref>.

It takes the older version out of git into a temporary folder and goes the way of docs/upgrade.md: API, keeper and
worker of the older version run; today's migrations are applied under them; today's keeper and worker join; the older
worker and keeper leave; today's API takes over. All the while jobs come in. Then the oracle looks. The workers are
null workers, with the dependencies that are installed here: a ref that needs other ones cannot be tried.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
from PIL import Image

from storage.database import Database, migrate
from storage.object_store import open_object_store
from storage.schema import current_revision, needed_revision
from storage.settings import StorageSettings
from tests import servers
from tests.chaos.oracle import Oracle
from tests.null_worker import CELERY
from tests.service import Service, data_uri, program, settings

ROOT = Path(__file__).parents[1]
JOBS, SECONDS, SIDE = 5, 60.0, 64
MASK = Image.new("L", (SIDE, SIDE), 0)
MASK.paste(255, (16, 16, 48, 48))
IMAGE = Image.effect_noise((SIDE, SIDE), 60).convert("RGB")


class Trial:
    """One deployment that is upgraded."""

    def __init__(self, folder: Path, old: Path, env: dict[str, str]) -> None:
        self.folder, self.env, self.port = folder, env, servers.free_port()
        self.trees = {"old": old, "new": ROOT}
        self.accepted: list[str] = []
        scopes = ("--scope", "submit", "--scope", "read")
        key = self.shell("old", "producer.cli", "keys", "create", "--tenant", "t", *scopes).strip()
        self.service = Service(f"http://127.0.0.1:{self.port}", key, folder, env)

    def of(self, version: str) -> dict[str, str]:
        """The environment in which Python finds that version."""
        return {**self.env, "PYTHONPATH": str(self.trees[version]), "INPAINTD_PORT": str(self.port)}

    def shell(self, version: str, *arguments: str) -> str:
        """What a command of that version prints."""
        command = [sys.executable, "-m", *arguments]
        done = subprocess.run(
            command, env=self.of(version), cwd=self.trees[version], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def program(self, version: str, name: str) -> Iterator[None]:
        """That program of that version; ended as an operator would end it."""
        worker = ["tests.null_worker", *CELERY, "2", "--hostname", f"{version}@localhost"]
        arguments = worker if name == "worker" else ["producer.cli", name]
        with program(f"{version}-{name}", arguments, self.of(version), self.folder, cwd=self.trees[version]):
            if name == "api":
                self._await_api()
            yield

    def _await_api(self) -> None:
        end = time.monotonic() + SECONDS
        while True:
            try:
                httpx.get(f"{self.service.url}/readyz").raise_for_status()
                return
            except httpx.HTTPError:
                assert time.monotonic() < end, "the API did not start; see its log"
                time.sleep(0.1)

    def send(self) -> list[str]:
        """Sends some jobs."""
        fields = {"image": data_uri(IMAGE), "mask": data_uri(MASK), "prompt": "a red circle", "steps": 3}
        sent = [self.service.submit(**fields)["id"] for _ in range(JOBS)]
        self.accepted += sent
        return sent

    def finish(self, sent: list[str]) -> None:
        """Waits until all of them have succeeded."""
        states = {self.service.get(job_id, wait=60)["status"] for job_id in sent}
        assert states == {"succeeded"}, states

    def ran(self, version: str) -> int:
        """How many jobs the workers of that version finished, by their log."""
        return (self.folder / f"{version}-worker.log").read_text().count("job_finished")


def upgrade(trial: Trial, database: Database) -> None:
    """The whole way."""
    with ExitStack() as newer:
        with ExitStack() as older:
            for name in ("api", "keeper", "worker"):
                older.enter_context(trial.program("old", name))
            trial.finish(trial.send())
            print(f"older version on its own schema, {current_revision(database)}: {JOBS} jobs succeeded")
            waiting = trial.send()
            migrate(trial.env["INPAINTD_DATABASE_URL"])
            trial.finish(waiting + trial.send())
            print(f"older version, {needed_revision()} applied under it: {2 * JOBS} jobs succeeded")
            for name in ("keeper", "worker"):
                newer.enter_context(trial.program("new", name))
            trial.finish(trial.send() + trial.send())
            print(f"both workers and keepers, older API: {2 * JOBS} jobs succeeded")
            waiting = trial.send()
        newer.enter_context(trial.program("new", "api"))
        trial.finish(waiting + trial.send())
        print(f"today's version alone: {2 * JOBS} jobs succeeded, those among them that the older one had accepted")
    print(f"jobs that the older worker finished: {trial.ran('old')}, today's: {trial.ran('new')}")


def main() -> None:
    """The program."""
    ref = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="inpaintd-upgrade-") as name, ExitStack() as stack:
        folder, old = Path(name), Path(name) / "older"
        old.mkdir()
        archive = subprocess.run(["git", "archive", ref], cwd=ROOT, capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x", "-C", str(old)], input=archive, check=True)
        uri = stack.enter_context(servers.postgres(durable=False)).uri
        url = stack.enter_context(servers.fresh_database(uri, "upgrade"))
        port = servers.free_port()
        command, is_up = servers.redis_server(folder, port)
        stack.enter_context(servers.running(command, is_up, folder / "redis.log"))
        env = settings(folder, database_url=url, redis_url=f"redis://127.0.0.1:{port}/0", s3=None)
        _migrate_older(old, env)
        trial, database = Trial(folder, old, env), Database(url)
        upgrade(trial, database)
        problems = Oracle(database).problems(trial.accepted, open_object_store(StorageSettings.from_env(env)))
        database.close()
    print("\n".join(problems) or "the oracle finds nothing")
    sys.exit(bool(problems))


def _migrate_older(old: Path, env: dict[str, str]) -> None:
    whole = {**env, "PYTHONPATH": str(old)}
    ask = [sys.executable, "-c", "import storage; print(storage.__file__)"]
    where = subprocess.run(ask, cwd=old, env=whole, capture_output=True, text=True, check=True).stdout.strip()
    assert where.startswith(str(old)), f"Python takes {where} for the older version"
    subprocess.run([sys.executable, "-m", "producer.cli", "migrate"], cwd=old, env=whole, check=True)


if __name__ == "__main__":
    main()
