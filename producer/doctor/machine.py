"""What only this machine knows: its devices, and whether traces leave it."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator

import httpx

from producer.doctor.finding import Finding, Outcome, found
from producer.settings import inherited_environment

DEVICES = "INPAINTD_DEVICES"
LOOK_SECONDS = 60.0
TRACE_SECONDS = 3.0


def examine_devices() -> Iterator[Finding]:
    """What a worker would run on; nothing where no worker is installed.

    A program of the worker's looks, because it alone knows torch. It is spared where there is nothing to be seen.
    """
    if importlib.util.find_spec("torch") is None:
        return
    if shutil.which("nvidia-smi") is None and DEVICES not in inherited_environment():
        yield Finding("devices", Outcome.OK, "no GPU on this machine: a worker runs on the CPU")
        return
    yield from _look_at_devices()


def _look_at_devices() -> Iterator[Finding]:
    command = [sys.executable, "-P", "-m", "worker.examination"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=LOOK_SECONDS)
        told = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as problem:
        advice = "`python -m worker.examination` says more"
        yield Finding("devices", Outcome.FAIL, f"they cannot be examined ({problem}); {advice}")
        return
    for one in told:
        yield Finding(one["what"], Outcome(one["outcome"]), one["detail"])


def examine_traces(endpoint: str | None) -> Iterator[Finding]:
    """Whether a collector takes traces; nothing where none is named."""
    if endpoint is None:
        return
    if importlib.util.find_spec("opentelemetry.exporter.otlp.proto.http") is None:
        yield Finding("traces", Outcome.WARN, "nothing is sent: pip install 'inpaintd[otel]'")
        return
    look = found("traces", lambda: _send_nothing(endpoint), "see INPAINTD_OTLP_ENDPOINT and that a collector runs")
    # A service does not stay down because nobody watches it.
    yield Finding(look.what, Outcome.OK if look.outcome is Outcome.OK else Outcome.WARN, look.detail)


def _send_nothing(endpoint: str) -> str:
    headers = {"content-type": "application/x-protobuf"}
    url = f"{endpoint.rstrip('/')}/v1/traces"
    answer = httpx.post(url, content=b"", headers=headers, timeout=TRACE_SECONDS)
    if answer.status_code in (404, 405):
        raise OSError(f"{url} answers {answer.status_code}")
    return f"{url} answers"
