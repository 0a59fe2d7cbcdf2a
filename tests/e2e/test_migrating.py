"""Every example of docs/migrating.md, run with the other service's own client against a deployment with a real model.

The mask is no mirror image of itself, so a dialect that read it the wrong way round would repaint the wrong part.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from storage.database import migrate
from tests import servers
from tests.service import Service, pixels, service, settings
from tests.tls import certificate
from tests.tls_front import tls_front

PAGE = (Path(__file__).parents[2] / "docs" / "migrating.md").read_text()
EXAMPLES = dict(re.findall(r"^## ([\w ]+)\n+```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL))
BOX = (slice(16, 80), slice(8, 72))
"""Rows and columns of what is repainted."""
SEAM = (slice(8, 88), slice(0, 80))
"""The same with its seam."""
SIZE = 128


@dataclass(frozen=True)
class Deployment:
    """A deployment behind TLS, and a folder with what the examples read."""

    service: Service
    host: str
    folder: Path


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[Deployment]:
    folder, front, port = tmp_path_factory.mktemp("migrating"), servers.free_port(), servers.free_port()
    database_url = f"sqlite:///{folder / 'jobs.db'}"
    migrate(database_url)
    context, _ = certificate(folder, "localhost")
    env = settings(folder, database_url=database_url, redis_url=redis_url, s3=None)
    env["INPAINTD_PUBLIC_URL"] = f"https://localhost:{front}"
    _draw(folder)
    with service(folder, env, port=port) as running, tls_front(context, front, port):
        yield Deployment(running, f"localhost:{front}", folder)


def _draw(folder: Path) -> None:
    rng = np.random.default_rng(5)
    ramp = np.linspace(60, 150, SIZE)[:, None, None] + np.array([0, 40, 10])
    photo = (ramp + rng.integers(-12, 12, (SIZE, SIZE, 3))).clip(0, 255).astype(np.uint8)
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[BOX] = 255
    Image.fromarray(photo).save(folder / "photo.png")
    Image.fromarray(mask).save(folder / "mask.png")
    Image.fromarray(np.dstack([photo, 255 - mask])).save(folder / "cut-out.png")


def test_there_is_an_example_of_each() -> None:
    assert EXAMPLES.keys() == {"OpenAI image edits", "Replicate", "AUTOMATIC1111", "fal"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_paints_what_it_asks_for_where_it_asks_for_it(deployment: Deployment, name: str) -> None:
    authority = str(deployment.folder / "server.pem")
    env = {
        **os.environ,
        "INPAINTD_KEY": deployment.service.key,
        "SSL_CERT_FILE": authority,
        "REQUESTS_CA_BUNDLE": authority,
    }
    code = EXAMPLES[name].replace("paint.example.org", deployment.host)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=deployment.folder, env=env, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr

    before = pixels((deployment.folder / "photo.png").read_bytes()).astype(int)
    after = pixels((deployment.folder / "result.png").read_bytes()).astype(int)
    (deployment.folder / "result.png").unlink()
    change = np.abs(after - before).mean(axis=2)
    away = np.ones((SIZE, SIZE), bool)
    away[SEAM] = False
    assert change[away].max() < 16, "the mark, and nothing else"
    assert change[BOX].mean() > 20
    red, green, blue = after[40:56, 32:48].mean(axis=(0, 1))
    assert red > green + 60
    assert red > blue + 60
