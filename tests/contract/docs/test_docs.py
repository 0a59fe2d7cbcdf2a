"""Every code block of README and docs/*.md does what it shows, one page after the other, against a real service.

The service is API, keeper and a worker whose networks do nothing. A block that cannot be run here stands below a
comment that says why: `<!-- not run: reason -->`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from storage.database import Database, migrate
from storage.key_store import KeyStore
from tests.contract.api.serving import data_uri, mask
from tests.contract.docs.blocks import BLOCKS, ELSEWHERE, PAGES, ROOT, RUN, Block
from tests.null_worker import CELERY
from tests.servers import free_port
from tests.service import Service, program, service, settings

# Whoever adds one has to say so here.
NOT_RUN = {
    "README.md": 6,
    "docs/batches.md": 1,
    "docs/console.md": 1,
    "docs/deploy.md": 5,
    "docs/retention.md": 1,
    "docs/upgrade.md": 2,
}
SIZE = (96, 64)


@dataclass
class Desk:
    """Where a reader sits: a folder with what the pages speak of, a shell's variables, a running Python."""

    service: Service
    folder: Path
    environment: dict[str, str]
    names: dict[str, Any] = field(default_factory=dict)

    def run(self, block: Block) -> None:
        """Does what a block says; one block goes on where the one before ended."""
        if block.kind == "python":
            self._python(block)
        else:
            for name, text in block.files().items():
                (self.folder / name).write_text(text)
            self._shell(block.commands(self.service.url, self._latest("jobs"), self._latest("batches")))

    def _shell(self, script: str) -> None:
        # The shell's variables go on to the next block.
        kept = self.folder / ".variables"
        whole = f"set -eo pipefail\n{script}\nexport -p > {kept}\n"
        if kept.exists():
            whole = f"source {kept}\n{whole}"
        done = subprocess.run(
            ["bash", "-c", whole], cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"

    def _python(self, block: Block) -> None:
        text = block.text.replace("http://127.0.0.1:8000", self.service.url).replace("ipd_...", self.service.key)
        exec(compile(text, f"{block.page}:{block.line}", "exec"), self.names)

    def _latest(self, what: str) -> str:
        with self.service.http as http:
            found = http.get(f"/v1/{what}", params={"limit": 1}).json()["data"]
        return str(found[0]["id"]) if found else "none"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[Service]:
    """API, keeper and a worker that paints grey."""
    folder = tmp_path_factory.mktemp("docs")
    database_url = f"sqlite:///{folder / 'jobs.db'}"
    migrate(database_url)
    env = settings(folder, database_url=database_url, redis_url=redis_url, s3=None)
    env["INPAINTD_ALLOWED_ADDRESSES"] = "127.0.0.0/8"
    env |= {f"INPAINTD_{name}_METRICS_PORT": str(free_port()) for name in ("API", "KEEPER", "WORKER")}
    worker = ["tests.null_worker", *CELERY, "4", "--hostname", "docs@localhost"]
    database = Database(database_url)
    KeyStore(database).create_tenant("acme")
    database.close()
    with service(folder, env, workers=False) as running, program("worker", worker, env, folder):
        yield running


@pytest.fixture(scope="module")
def pages(deployment: Service, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Desk]:
    """A desk for each page."""
    return {page: _desk(deployment, tmp_path_factory.mktemp("desk")) for page in {block.page for block in RUN}}


def _desk(deployment: Service, folder: Path) -> Desk:
    for place in ("shop", "masks", "data"):
        (folder / place).mkdir()
    for name in ("photo.png", "photo.jpg", "picture.jpg", "shop/a.jpg", "shop/b.jpg"):
        _picture(name).save(folder / name)
    for name in ("mask.png", "masks/a.png", "masks/b.png"):
        (folder / name).write_bytes(mask(SIZE))
    line = {"image": data_uri((folder / "photo.png").read_bytes()), "mask": data_uri(mask(SIZE))}
    (folder / "jobs.ndjson").write_text(f"{json.dumps(line)}\n")
    (folder / "hashes.csv").write_text(f"{'0f' * 32}\n")
    shutil.copy(ROOT / "safety" / "policy.yaml", folder / "my-policy.yaml")
    shutil.copy(ROOT / "bench" / "step_times" / "model.json", folder / "steps.json")
    (folder / "data" / "admin.key").write_text(f"{deployment.key}\n")
    (folder / ".venv").symlink_to(Path(sys.executable).parents[1])
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**deployment.env, "PATH": path, "INPAINTD_URL": deployment.url, "INPAINTD_KEY": deployment.key}
    return Desk(deployment, folder, environment)


def _picture(name: str) -> Image.Image:
    """Patches of colour, other ones for each name, with enough in them to be recognized by."""
    patches = np.random.default_rng(len(name)).integers(0, 256, (8, 12, 3), np.uint8)
    return Image.fromarray(patches).resize(SIZE, Image.Resampling.BICUBIC)


@pytest.mark.parametrize("block", RUN, ids=lambda block: f"{block.page}:{block.line}")
def test_a_block_does_what_it_shows(block: Block, pages: dict[str, Desk], monkeypatch: pytest.MonkeyPatch) -> None:
    desk = pages[block.page]
    monkeypatch.chdir(desk.folder)
    monkeypatch.setenv("INPAINTD_URL", desk.service.url)
    monkeypatch.setenv("INPAINTD_KEY", desk.service.key)
    desk.run(block)


def test_what_is_not_run_is_counted() -> None:
    assert Counter(block.page for block in BLOCKS if block.reason is not None) == NOT_RUN


def test_every_block_is_of_a_kind_that_can_be_run_or_says_why_not() -> None:
    assert {block.kind for block in RUN} == {"console", "python"}


def test_what_is_run_elsewhere_is_run_there() -> None:
    for page, test in ELSEWHERE.items():
        assert Path(page).name in (ROOT / test).read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target
