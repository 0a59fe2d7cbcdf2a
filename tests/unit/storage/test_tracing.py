"""Traces while nobody wants them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from storage import tracing


def test_an_untraced_program_loads_nothing_that_sends(tmp_path: Path) -> None:
    # The Redis client loads OpenTelemetry's SDK by itself where it is installed.
    ours = "[name for name in sys.modules if name == 'storage.otel' or 'opentelemetry.exporter' in name]"
    code = f"import sys, storage.logs, storage.tracing; storage.tracing.start('api', None); print({ours})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "[]"


def test_nothing_is_traced_without_a_collector() -> None:
    tracing.start("api", None)
    with tracing.span("submit"), tracing.below("00-" + "1" * 32 + "-" + "2" * 16 + "-01"):
        tracing.note(job_id="job_1")
        assert (tracing.here(), tracing.trace_id(), tracing.is_on()) == (None, None, False)
    tracing.stop()
