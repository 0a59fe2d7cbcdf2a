"""Settings of a worker process and of the fleet that starts them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from storage.errors import SettingsError
from storage.settings import read_settings, setting


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What one machine runs."""

    devices: tuple[str, ...] = setting(
        "INPAINTD_DEVICES", "devices to run on, one process each: `auto`, or `0,1` (GPUs), or `cpu,cpu`", ("auto",)
    )
    device: str = setting("INPAINTD_DEVICE", "the one device of a worker process; the fleet sets it", "auto")
    # Eight or nine jobs fill a call of 16 rows; the others are being loaded, checked, marked and saved meanwhile.
    slots: int = setting("INPAINTD_SLOTS", "jobs that one worker process holds at once", 12)
    row_budget: int = setting(
        "INPAINTD_ROW_BUDGET",
        "rows of one UNet call at most; guidance takes 2 an image; 0: what fits the GPU's memory, 16 on a CPU",
        0,
    )
    fixed_rows: int = setting(
        "INPAINTD_FIXED_ROWS",
        "rows of every UNet call, so that an image's bits do not depend on its neighbours; slower; 0: as many as wait",
        0,
    )
    compile: bool = setting(
        "INPAINTD_COMPILE", "compile the UNet on a GPU: faster steps after minutes of compiling at every start", False
    )
    preview_every: int = setting(
        "INPAINTD_PREVIEW_EVERY",
        "steps between two small previews of a running job, checked like results but not marked; 0: none",
        0,
    )
    grace_seconds: float = setting(
        "INPAINTD_GRACE_SECONDS", "seconds that running jobs get to finish after SIGTERM; the rest is given back", 30.0
    )
    hang_seconds: float = setting(
        "INPAINTD_HANG_SECONDS",
        "a worker process whose engine finishes nothing for so long ends; more than its slowest step takes",
        120.0,
    )
    metrics_port: int = setting(
        "INPAINTD_WORKER_METRICS_PORT",
        "port on which a machine's first worker process serves its metrics, each further one a port higher; 0: none",
        0,
    )
    models: tuple[str, ...] = setting(
        "INPAINTD_WORKER_MODELS", "aliases that this machine serves; unset: all of INPAINTD_MODELS", ()
    )
    safety_checkers: tuple[str, ...] = setting(
        "INPAINTD_SAFETY_CHECKER",
        "folder or hub id of a safety checker for models without one; `alias=folder` for a single model",
        (),
    )
    model_configs: tuple[str, ...] = setting(
        "INPAINTD_MODEL_CONFIG",
        "folder with the diffusers configuration of a single-file checkpoint; `alias=folder` for a single model",
        (),
    )

    classifiers: tuple[str, ...] = setting(
        "INPAINTD_CLASSIFIERS",
        "further judges of pictures, `name=folder` of a CLIP, an image classifier or a detector, or `name=address` of "
        "an HTTP endpoint; the policy must ask for each by its name",
        (),
    )
    ready_file: Path | None = setting(
        "INPAINTD_READY_FILE",
        "file that a worker makes once it takes jobs and removes before it stops, for probes; unset: none",
        None,
    )
    pod: str | None = setting(
        "INPAINTD_POD",
        "name of the Kubernetes pod of this worker, annotated so that pods without a job are deleted first; it needs "
        "a service account that may patch pods; unset: none",
        None,
    )

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Self:
        """Settings from the environment; raises SettingsError."""
        settings = read_settings(cls, env)
        if settings.preview_every < 0:
            raise SettingsError("INPAINTD_PREVIEW_EVERY must be a number of steps, or 0 for no previews.")
        return settings


def api_server(env: Mapping[str, str] | None = None) -> str:
    """The address of the Kubernetes API server that the kubelet names. Raises SettingsError outside a pod."""
    source = os.environ if env is None else env
    host, port = source.get("KUBERNETES_SERVICE_HOST"), source.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise SettingsError("INPAINTD_POD is set, but KUBERNETES_SERVICE_HOST is not: this is no pod; unset it.")
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def device_environment(device: str, metrics_port: int = 0) -> dict[str, str]:
    """The environment of a process for one device: it sees its own GPU only, so that it cannot touch another's."""
    given = {**os.environ, "INPAINTD_WORKER_METRICS_PORT": str(metrics_port)}
    if device == "cpu":
        # OpenMP's threads would otherwise spin while they wait, which on a busy machine costs more than the work.
        return {"OMP_WAIT_POLICY": "passive", **given, "INPAINTD_DEVICE": "cpu", "CUDA_VISIBLE_DEVICES": ""}
    return {**given, "INPAINTD_DEVICE": "cuda", "CUDA_VISIBLE_DEVICES": device}
