"""Looks at the devices of this machine and prints what it found, for `inpaintd doctor`.

python -m worker.examination prints a JSON list of {"what", "outcome", "detail"}, as producer.doctor speaks.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

from storage.errors import SettingsError
from worker.device_names import CPU, LIST_SECONDS, device_names
from worker.settings import WorkerSettings

QUERY = "--query-gpu=index,name,driver_version,memory.total,memory.used"
MOST_USED_SHARE = 0.2

Found = dict[str, str]


def examine() -> list[Found]:
    """What the settings' devices are and whether they are there."""
    try:
        names = device_names(WorkerSettings.from_env().devices)
    except SettingsError as problem:
        return [_found("devices", "fail", str(problem))]
    gpus = [name for name in names if name != CPU]
    told = [_found("devices", "ok", f"{len(names)} worker processes: {', '.join(names)}")]
    return [*told, *_gpus()] if gpus else told


def _gpus() -> list[Found]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        advice = "install NVIDIA's driver with its tools, or a worker alone will find out whether it has a GPU"
        return [_found("gpu", "warn", f"nvidia-smi is not there; {advice}")]
    query = [tool, QUERY, "--format=csv,noheader,nounits"]
    try:
        listed = subprocess.run(query, capture_output=True, text=True, check=True, timeout=LIST_SECONDS)
    except (OSError, subprocess.SubprocessError) as problem:
        return [_found("gpu", "fail", f"nvidia-smi does not answer ({problem}); see the kernel's log for the driver")]
    return [_gpu(line) for line in listed.stdout.splitlines() if line.strip()]


def _gpu(line: str) -> Found:
    index, name, driver, total, used = (part.strip() for part in line.split(","))
    text = f"{name}, driver {driver}, {total} MiB"
    if float(used) <= MOST_USED_SHARE * float(total):
        return _found(f"gpu {index}", "ok", text)
    advice = "if that is no worker of ours, end what uses it, or jobs run out of memory"
    return _found(f"gpu {index}", "warn", f"{text}, {used} MiB of them in use; {advice}")


def _found(what: str, outcome: str, detail: str) -> Found:
    return {"what": what, "outcome": outcome, "detail": detail}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(examine()))
