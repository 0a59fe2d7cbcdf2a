"""What INPAINTD_DEVICES means on a machine with and without GPUs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from storage.errors import SettingsError
from worker import device_names as device_names_module
from worker.device_names import device_names

Machine = Callable[[str], None]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Has nvidia-smi print a listing, after `sleep` where that is in it; without a call there is no such tool."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def install(program: str) -> None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!{sys.executable}\n{program}\n")
        tool.chmod(0o755)

    return install


def gpus(count: int) -> str:
    """A program that lists GPUs as the driver's tool does."""
    lines = [f"GPU {index}: NVIDIA H200 (UUID: GPU-{index}a)" for index in range(count)]
    return f"print({chr(10).join(lines)!r})"


@pytest.mark.parametrize(("count", "expected"), [(0, ["cpu"]), (1, ["0"]), (4, ["0", "1", "2", "3"])])
def test_auto_is_every_gpu_or_the_cpu(machine: Machine, count: int, expected: list[str]) -> None:
    machine(gpus(count))
    assert device_names(("auto",)) == expected


def test_without_a_driver_auto_is_the_cpu(machine: Machine) -> None:
    assert device_names(("auto",)) == ["cpu"]


def test_a_driver_that_fails_or_hangs_is_none(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    with capture_logs() as logs:
        machine("import sys; print('NVIDIA-SMI has failed'); sys.exit(9)")
        assert device_names(("auto",)) == ["cpu"]
        monkeypatch.setattr(device_names_module, "LIST_SECONDS", 0.1)
        machine("import time; time.sleep(60)")
        assert device_names(("auto",)) == ["cpu"]
    assert [line["event"] for line in logs] == ["gpus_not_listed"] * 2, "nobody runs on the CPU without being told"


@pytest.mark.parametrize(
    "names", [("cpu",), ("cpu", "cpu"), ("0", "3"), ("0", "cpu"), ("GPU-5b3e1f0a-77", "MIG-3a/1/0")]
)
def test_named_devices_are_taken_as_they_are(machine: Machine, names: tuple[str, ...]) -> None:
    assert device_names(names) == list(names)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ((), "it names no device"),
        (("gpu0",), "'gpu0' is no device"),
        (("cuda",), "'cuda' is no device"),
        (("-1",), "'-1' is no device"),
        (("auto", "0"), "nothing can stand beside it"),
        (("0", "1", "0"), "GPU 0 twice"),
        (("0", "4"), "there is no GPU 4 here; nvidia-smi lists 4"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_sentence(machine: Machine, names: tuple[str, ...], said: str) -> None:
    machine(gpus(4))
    with pytest.raises(SettingsError, match=said) as refusal:
        device_names(names)
    assert "Use auto, GPU numbers as in 0,1, or cpu,cpu." in str(refusal.value)
