"""docs/deploy.md: what needs neither engine nor cluster is run; of the rest, files, services and commands exist."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from producer.cli.main import COMMANDS
from tests.contract.deploy.composed import DOCKER, FILES, services
from tests.contract.deploy.rendered import OVERLAYS, of_kind
from tests.contract.docs.blocks import BLOCKS, Block

PAGE = "docs/deploy.md"
MINE = [block for block in BLOCKS if block.page == PAGE]
HERE = [block for block in MINE if block.reason is None]
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of the repository, as far as the page needs it, and a kubectl that makes nothing where it would."""
    made = tmp_path_factory.mktemp("page")
    shutil.copytree(DOCKER, made / "docker", ignore=shutil.ignore_patterns("secrets", ".env"))
    (made / ".venv").symlink_to(BIN.parent)
    (made / "bin").mkdir()
    tool = made / "bin" / "kubectl"
    dry = f'case " $* " in *" create "*) set -- "$@" --dry-run=client --output yaml;; esac\nexec {BIN}/kubectl "$@"\n'
    tool.write_text(f"#!/bin/sh\n{dry}")
    tool.chmod(0o755)
    return made


@pytest.mark.parametrize("block", HERE, ids=lambda block: f"{block.line}")
def test_a_block_does_what_it_shows(block: Block, folder: Path) -> None:
    env = {**os.environ, "HOME": str(folder), "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    script = f"set -eo pipefail\n{block.commands('', '', '')}"
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if "create secret" in block.text:
        _, secrets, signing = done.stdout.split("apiVersion: v1\n")[1:]
        assert set(yaml.safe_load(signing)["data"]) == {"root.pem", "chain.pem", "signing.key"}, "no root key"
        assert {"database_url", "mark_secret", "s3_secret_key"} <= set(yaml.safe_load(secrets)["data"])
        assert "rediss://" in (folder / "secrets" / "redis_url").read_text(), "what was there stays"


def test_all_that_is_named_is_there() -> None:
    shown = re.sub(r"\\\n *", "", "\n".join(block.text for block in MINE))
    for path in set(re.findall(r"docker/(?!secrets\b|\.env)[\w./-]+", shown)):
        assert (DOCKER.parent / path).exists(), path
    typed = set(re.findall(r"(?:\$|exec api|--) inpaintd ([a-z]+)", shown))
    assert {"keys", "doctor", "submit"} <= typed <= set(COMMANDS)
    for service in re.findall(r"(?:exec|logs) (?!deploy/)([a-z]+)\b", shown):
        assert all(service in services(name) for name in FILES)
    for workload in re.findall(r"(?:deploy|deployment)/([a-z]+)\b", shown):
        assert workload in of_kind("cluster", "Deployment")
    assert set(re.findall(r"kubernetes/(try|cluster)\b", (DOCKER.parent / PAGE).read_text())) == set(OVERLAYS)
