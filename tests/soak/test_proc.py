"""What is read from /proc, on a program that does as it is told."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import IO

import pytest

from tests.soak.ledger import bounds, judged, problems, table
from tests.soak.proc import usage
from tests.soak.watch import FILES, MEMORY, Series, Track

# Each line on its input is a statement, and its answer a line on its output once that is done.
_OBEDIENT = "import os, sys, subprocess\nkept = []\nfor line in sys.stdin:\n    exec(line)\n    print(flush=True)\n"
MB = 10**6


class Obedient:
    """A process that runs the statements that it is sent."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _OBEDIENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self._process.pid
        self.do("")

    def do(self, statement: str) -> None:
        _of(self._process.stdin).write(statement + "\n")
        _of(self._process.stdin).flush()
        _of(self._process.stdout).readline()

    def end(self) -> None:
        """It is a zombie until it is buried."""
        self._process.kill()
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)

    def bury(self) -> None:
        self._process.wait()
        _of(self._process.stdin).close()
        _of(self._process.stdout).close()


def _of(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


@pytest.fixture
def child() -> Iterator[Obedient]:
    made = Obedient()
    yield made
    made.end()
    made.bury()


def test_memory_and_files_of_a_process_are_counted(child: Obedient) -> None:
    before = usage(child.pid)
    child.do("kept.append(bytearray(os.urandom(30_000_000))); kept += [open('/dev/null') for _ in range(7)]")
    after = usage(child.pid)
    assert before is not None
    assert after is not None
    assert 28 * MB < after.memory - before.memory < 45 * MB
    assert after.files - before.files == 7


def test_what_a_process_started_counts_as_its_own(child: Obedient) -> None:
    alone = usage(child.pid)
    child.do("kept.append(subprocess.Popen(['/bin/sleep', '60']))")
    both = usage(child.pid)
    child.do("kept[0].kill(); kept[0].wait()")
    assert alone is not None
    assert both is not None
    assert both.files >= alone.files + 3
    assert usage(child.pid) is not None


def test_who_has_ended_holds_nothing() -> None:
    child = Obedient()
    child.end()
    assert usage(child.pid) is None
    child.bury()
    assert usage(child.pid) is None


def test_a_program_that_leaks_is_named(child: Obedient) -> None:
    role, limits = "worker-1", bounds(seconds=100, rate=1, share=0.05)
    tracks = {Track(role, child.pid, what): Series() for what in (MEMORY, FILES)}
    for second in range(0, 100, 4):
        child.do("kept.append(bytearray(os.urandom(400_000))); kept.append(open('/dev/null'))")
        used = usage(child.pid)
        assert used is not None
        for what, value in ((MEMORY, used.memory), (FILES, used.files)):
            series = tracks[Track(role, child.pid, what)]
            series.times.append(second)
            series.values.append(value)
    rows = judged(tracks, limits)
    assert all(row.grows for row in rows)
    assert table(rows).count("GROWS") == 2
    found = problems(rows)
    assert any("worker-1: memory grew by" in one for one in found)
    assert any("worker-1: files grew by" in one for one in found)
    assert any("no life of api" in one for one in found), "whoever was not seen is not called flat"
