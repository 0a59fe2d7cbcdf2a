"""10,000 jobs in one request over HTTP: how long, and how much memory the API process takes for it.

    python -m bench.api_bulk [--lines 10000] [--wordings 10000]

One API process on PostgreSQL and a folder, no workers; the client and the servers share the machine.
Lines refer to 20 uploaded pictures of 128 px and 20 masks in turn, name an idempotency key each, and bear `--wordings`
different prompts, so that by default none is like another. Memory is the process's, before, at its highest and after;
then again for a body four times as long, whose highest must not be higher by more than its answers, which a client
that listens late leaves with the server. Sends the first body twice: the second time every line is a replay.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.api_stage import Stage, stage
from bench.embedded_redis import embedded_redis
from bench.targets import Row, report
from tests import servers

SECONDS, GROWTH_MB = 6.0, 64.0
PICTURES = 20
_COLORS = ("red", "green", "blue", "yellow", "orange", "purple", "white", "black", "grey", "brown")
_THINGS = ("chair", "lamp", "vase", "car", "tree", "boat", "house", "dog", "hat", "bottle")
_PLACES = ("on a wooden floor", "beside the window", "in soft evening light", "on a marble table", "in front of a wall")


@dataclass(frozen=True, slots=True)
class Sent:
    """One body: seconds until the last answer, those that the process worked, its megabytes before, at most, after."""

    seconds: float
    worked: float
    before: float
    peak: float
    after: float
    summary: dict[str, int]


def measure_bulk(on: Stage, lines: int, wordings: int) -> list[Row]:
    """Sends three bodies and compares them with what was promised; prints each."""
    pictures = on.uploaded(PICTURES)
    send(on, pictures, 500, wordings, "warm")
    first = _show("first", send(on, pictures, lines, wordings, "first"))
    again = _show("again", send(on, pictures, lines, wordings, "first"))
    long = _show("long", send(on, pictures, 4 * lines, wordings, "long"))
    if first.summary["accepted"] != lines or again.summary["replayed"] != lines:
        raise RuntimeError(f"not every line was taken: {first.summary}, {again.summary}")
    return [
        (f"{lines} jobs in one request, seconds", first.seconds, "<=", SECONDS),
        ("the same once more, all replayed, seconds", again.seconds, "<=", SECONDS),
        (f"memory above rest for {lines} lines, MB", first.peak - first.before, "<=", GROWTH_MB),
        (f"memory above that for {4 * lines} lines, MB", long.peak - first.peak, "<=", GROWTH_MB),
    ]


def send(on: Stage, pictures: list[dict[str, str]], lines: int, wordings: int, name: str) -> Sent:
    """One body and its answer."""
    body = b"".join(_lines(pictures, lines, wordings, name))
    before, worked = _settled(on), _cpu_seconds(on)
    headers = {**on.headers, "Content-Type": "application/x-ndjson"}
    began = time.perf_counter()
    with httpx.stream(
        "POST", f"http://127.0.0.1:{on.port}/v1/batches", content=body, headers=headers, timeout=600
    ) as answer:
        last = b""
        for part in answer.iter_raw():
            last = (last + part)[-4096:]
    seconds = time.perf_counter() - began
    summary = json.loads(last.splitlines()[-1])
    if summary["error"] is not None:
        raise RuntimeError(f"the batch ended early: {summary['error']}")
    worked = _cpu_seconds(on) - worked
    return Sent(
        seconds, worked, before, on.status("VmHWM") / 1024, on.status("VmRSS") / 1024, summary["batch"]["lines"]
    )


def _cpu_seconds(on: Stage) -> float:
    fields = Path(f"/proc/{on.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime and stime, see proc(5)


def _settled(on: Stage) -> float:
    Path(f"/proc/{on.pid}/clear_refs").write_text("5")  # the highest begins anew
    return on.status("VmRSS") / 1024


def _lines(pictures: list[dict[str, str]], lines: int, wordings: int, name: str) -> Iterator[bytes]:
    for number in range(lines):
        line = {**pictures[number % len(pictures)], "prompt": wording(number % wordings), "steps": 20}
        yield json.dumps({**line, "idempotency_key": f"{name}-{number}", "custom_id": str(number)}).encode() + b"\n"


def wording(number: int) -> str:
    """A prompt like no other of the first million."""
    color, thing = _COLORS[number % 10], _THINGS[number // 10 % 10]
    return f"a {color} {thing} {_PLACES[number // 100 % 5]}, product {number}, photograph, high detail"


def _show(name: str, sent: Sent) -> Sent:
    print(f"{name:<6} {sent.seconds:6.2f} s, {sent.worked:5.2f} s of them at work", end="   ")
    print(f"memory {sent.before:.0f} MB before, {sent.peak:.0f} at most, {sent.after:.0f} after   {sent.summary}")
    return sent


def main() -> int:
    """The program. Exits 1 when a target is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=10_000)
    parser.add_argument("--wordings", type=int, default=10_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, servers.postgres() as postgres:
        folder = Path(name)
        with embedded_redis(folder) as redis_url, stage(folder, postgres.uri, redis_url) as on:
            return report(measure_bulk(on, asked.lines, asked.wordings))


if __name__ == "__main__":
    sys.exit(main())
