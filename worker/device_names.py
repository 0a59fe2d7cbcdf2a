"""Which devices INPAINTD_DEVICES means on this machine."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter

import structlog

from storage.errors import SettingsError

log = structlog.get_logger(__name__)

AUTO, CPU = "auto", "cpu"
LIST_SECONDS = 30.0
# An index, or what the driver calls a GPU or a slice of one; CUDA_VISIBLE_DEVICES takes them all.
_GPU = re.compile(r"\d+|(GPU|MIG)-[0-9A-Za-z/-]+")


def device_names(devices: tuple[str, ...]) -> list[str]:
    """One name for each process to run. `auto` is every GPU of the machine, or the CPU where there is none.

    Raises SettingsError for a list that no machine could mean, and for a GPU that this one has not.
    """
    if devices == (AUTO,):
        return [str(index) for index in range(_gpus() or 0)] or [CPU]
    if not devices:
        raise _refusal("it names no device")
    for name in devices:
        _check(name)
    repeated = [name for name, count in Counter(devices).items() if count > 1 and name != CPU]
    if repeated:
        raise _refusal(f"it names GPU {repeated[0]} twice, and a GPU serves one process; raise INPAINTD_SLOTS instead")
    _check_there([name for name in devices if name.isdigit()])
    return list(devices)


def _check(name: str) -> None:
    if name == AUTO:
        raise _refusal("auto means all devices, so nothing can stand beside it")
    if name != CPU and not _GPU.fullmatch(name):
        raise _refusal(f"{name!r} is no device")


def _check_there(indices: list[str]) -> None:
    count = _gpus() if indices else None
    for index in indices:
        # Without the driver's tool, as in some containers, nothing is known; the process itself then finds out.
        if count is not None and int(index) >= count:
            raise _refusal(f"there is no GPU {index} here; nvidia-smi lists {count}, counted from 0")


def _gpus() -> int | None:
    """How many GPUs the driver's own tool lists; None where it is not installed or does not answer.

    torch is not asked, because it would keep a CUDA context of its own in this process.
    """
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    try:
        listed = subprocess.run([tool, "--list-gpus"], capture_output=True, text=True, check=True, timeout=LIST_SECONDS)
    except (OSError, subprocess.SubprocessError) as problem:
        log.warning("gpus_not_listed", reason=str(problem), advice="see whether nvidia-smi works on this machine")
        return None
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())


def _refusal(reason: str) -> SettingsError:
    return SettingsError(f"INPAINTD_DEVICES: {reason}. Use auto, GPU numbers as in 0,1, or cpu,cpu.")
