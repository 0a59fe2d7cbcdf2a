"""docker/compose.yaml and its override, read as Docker does: anchors, variables, then one file over the other."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import yaml

DOCKER = Path(__file__).parents[3] / "docker"
FILES = {"cpu": ("compose.yaml",), "gpu": ("compose.yaml", "compose.gpu.yaml")}
_VARIABLE = re.compile(r"\$\{\w+:-([^}]*)\}")
_UNITS = {"s": 1, "m": 60}


@functools.cache
def composed(name: str) -> dict[str, Any]:
    """The deployment `name`, with no variable set."""
    whole: dict[str, Any] = {}
    for file in FILES[name]:
        whole = _over(whole, yaml.load(_VARIABLE.sub(r"\1", (DOCKER / file).read_text()), _Strict))
    return whole


def services(name: str) -> dict[str, dict[str, Any]]:
    """Its services by name."""
    found: dict[str, dict[str, Any]] = composed(name)["services"]
    return found


def seconds(duration: str) -> int:
    """`90s` or `10m` as seconds."""
    return int(duration[:-1]) * _UNITS[duration[-1]]


class _Strict(yaml.SafeLoader):
    """Docker refuses a key that stands twice; PyYAML would take the last."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if key.value != "<<"]
        assert len(keys) == len(set(keys)), f"a key stands twice: {node.start_mark}"
        return super().construct_mapping(node, deep)


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    # Lists are added to each other by Docker; the override has none that the file below has as well.
    merged = {
        key: _over(below[key], value) if isinstance(value, dict) and key in below else value
        for key, value in above.items()
    }
    assert not any(isinstance(value, list) and key in below for key, value in above.items())
    return {**below, **merged}
