"""What the code knows, for comparison with what files of a deployment say."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from tests.unit.test_readme import SETTINGS
from worker.slots import GIVE_WAY_SECONDS, HURRIED_SECONDS, LET_GO_SECONDS

# What a drain takes beyond INPAINTD_GRACE_SECONDS, at most; the rest is for closing and for Celery.
GIVING_BACK_SECONDS = GIVE_WAY_SECONDS + HURRIED_SECONDS + LET_GO_SECONDS + 5
OTHERS = {"HF_HUB_OFFLINE", "HF_HOME"}
VARIABLES = {item.metadata["env"] for cls in SETTINGS for item in dataclasses.fields(cls)}
SECRETS = {
    item.metadata["env"] for cls in SETTINGS for item in dataclasses.fields(cls) if item.metadata.get("secret", False)
}


def unknown(names: Iterable[str]) -> set[str]:
    """Those variables that no program reads."""
    return {name for name in names if not _is_read(name)}


def _is_read(name: str) -> bool:
    return name in VARIABLES | OTHERS or (name.endswith("_FILE") and name.removesuffix("_FILE") in SECRETS)
