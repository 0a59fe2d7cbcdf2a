"""docker/kubernetes as kubectl renders it, held against the types of the Kubernetes API."""

from __future__ import annotations

import functools
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from tests.contract.deploy.composed import DOCKER

OVERLAYS = ("try", "cluster")
# What is no part of Kubernetes itself; its fields are told one by one in the tests.
FOREIGN = {"ScaledObject", "PodMonitor"}
Resource = dict[str, Any]


@functools.cache
def rendered(overlay: str) -> tuple[Resource, ...]:
    """Every resource of an overlay, as `kubectl apply --kustomize` would send it."""
    tool = Path(sys.executable).parent / "kubectl"
    command = [tool, "kustomize", DOCKER / "kubernetes" / overlay]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def of_kind(overlay: str, *kinds: str) -> dict[str, Resource]:
    """The resources of some kinds by name."""
    return {found["metadata"]["name"]: found for found in rendered(overlay) if found["kind"] in kinds}


def pods(overlay: str) -> dict[str, Resource]:
    """The pod templates of an overlay by the name of their workload."""
    return {
        name: found["spec"]["template"] for name, found in of_kind(overlay, "Deployment", "StatefulSet", "Job").items()
    }


def containers(pod: Resource) -> list[Resource]:
    """Those that start first, and those that stay."""
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def faults(resource: Resource) -> list[str]:
    """What the API server would refuse, or throw away without a word: wrong types, missing and unknown fields."""
    group, _, version = resource["apiVersion"].rpartition("/")
    models = importlib.import_module(f"lightkube.models.{group.partition('.')[0] or 'core'}_{version}")
    try:
        typed = msgspec.convert(resource, getattr(models, resource["kind"]), strict=True)
    except msgspec.ValidationError as problem:
        return [str(problem)]
    return list(_lost(resource, msgspec.to_builtins(typed), resource["kind"]))


def _lost(given: object, kept: object, where: str) -> Iterator[str]:
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            if key in kept:
                yield from _lost(value, kept[key], f"{where}.{key}")
            else:
                yield f"{where}.{key} is unknown"
    elif isinstance(given, list) and isinstance(kept, list):
        for index, (before, after) in enumerate(zip(given, kept, strict=True)):
            yield from _lost(before, after, f"{where}[{index}]")
