"""Sends requests as fast as they are answered, or at a given rate, from a process of its own: a JSON plan on stdin,
JSON figures on stdout.

    python -m bench.http_load < plan.json

It knows just enough HTTP to cost little beside the server: answers with Content-Length, connections that are kept.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass

GIVE_UP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Plan:
    """`requests`: whole requests as text, sent in turn. `rate`: a second, at random moments; None: a closed loop."""

    port: int
    requests: list[str]
    connections: int
    seconds: float
    rate: float | None = None

    def carried_out(self) -> Outcome:
        """Runs it in a process of its own."""
        command = [sys.executable, "-m", "bench.http_load"]
        done = subprocess.run(command, input=json.dumps(asdict(self)), capture_output=True, text=True, check=True)
        return Outcome(**json.loads(done.stdout))


@dataclass(frozen=True, slots=True)
class Outcome:
    """Answers a second, milliseconds from when a request was due to the end of its answer, answers by status."""

    rate: float
    p50: float
    p95: float
    p99: float
    statuses: dict[str, int]

    @property
    def is_clean(self) -> bool:
        """Whether every answer was a success."""
        return all(status.startswith("2") for status in self.statuses)


def request(method: str, path: str, headers: dict[str, str], body: str = "") -> str:
    """A whole request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body.encode())}"]
    return "\r\n".join([*lines, "", body])


class Caller(asyncio.Protocol):
    """One connection, with one request under way at most."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answer: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    async def ask(self, request: bytes) -> int:
        """The status of the answer, once all of it is there; 0 when the connection broke."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        """Waits for the whole answer."""
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        lowered = head.lower()
        length = int(lowered.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(rest) >= length and self._answer is not None:
            self._buffer = rest[length:]
            self._answer.set_result(int(head[9:12]))
            self._answer = None

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Nobody waits for ever."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(0)


class Load:
    """A plan being carried out."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._requests = [text.encode() for text in plan.requests]
        self._next = 0
        self._idle: asyncio.Queue[Caller] = asyncio.Queue()
        self._seconds: list[float] = []
        self._statuses: Counter[str] = Counter()

    async def run(self) -> Outcome:
        """Opens the connections, sends, and sums up."""
        loop = asyncio.get_running_loop()
        for _ in range(self._plan.connections):
            _, caller = await loop.create_connection(Caller, "127.0.0.1", self._plan.port)
            self._idle.put_nowait(caller)
        began = time.perf_counter()
        if self._plan.rate is None:
            await asyncio.gather(*(self._closed(began) for _ in range(self._plan.connections)))
        else:
            await self._open(began, self._plan.rate)
        return self._outcome(time.perf_counter() - began)

    async def _closed(self, began: float) -> None:
        caller = self._idle.get_nowait()
        while (now := time.perf_counter()) - began < self._plan.seconds:
            await self._ask(caller, now)

    async def _open(self, began: float, rate: float) -> None:
        due, pace, asking = began, random.Random(1), set[asyncio.Task[None]]()
        while (due := due + pace.expovariate(rate)) - began < self._plan.seconds:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            task = asyncio.create_task(self._ask_when_free(due))
            asking.add(task)
            task.add_done_callback(asking.discard)
        await asyncio.wait_for(asyncio.gather(*asking), GIVE_UP_SECONDS)

    async def _ask_when_free(self, due: float) -> None:
        caller = await self._idle.get()
        await self._ask(caller, due)
        self._idle.put_nowait(caller)

    async def _ask(self, caller: Caller, due: float) -> None:
        self._next = (self._next + 1) % len(self._requests)
        status = await caller.ask(self._requests[self._next])
        self._seconds.append(time.perf_counter() - due)
        self._statuses[str(status)] += 1

    def _outcome(self, seconds: float) -> Outcome:
        ordered = sorted(self._seconds)
        p50, p95, p99 = (1000 * ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.95, 0.99))
        return Outcome(len(ordered) / seconds, p50, p95, p99, dict(self._statuses))


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(Load(Plan(**json.load(sys.stdin))).run()))))
