"""A body of lines, read as it comes: no more of it is held than one chunk and the line that is being read."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator

from starlette.types import Message, Receive

from producer.errors import Refusal

MAX_LINES = 100_000
MAX_LINE_BYTES = 16 * 1024 * 1024
CHUNK_LINES = 250
CHUNK_BYTES = 4 * 1024 * 1024
# A sender that pauses for so long has its lines stored without waiting for more.
PAUSE_SECONDS = 0.2
STALL_SECONDS = 30.0
LONGEST_SECONDS = 3600.0

RawLine = tuple[int, bytes | None]
"""The number of a line, from 1, and its bytes without the line's end; None of one that is too long."""


class HungUp(Exception):
    """The sender has gone before the body's end."""


class LineBreaker:
    """Cuts bytes into lines; of a line that grows beyond `longest` bytes nothing is kept."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._part = bytearray()
        self._over = False

    def push(self, data: bytes) -> list[bytes | None]:
        """The lines that end in `data`."""
        *ended, rest = data.split(b"\n")
        lines = [self._end(piece) for piece in ended]
        self._add(rest)
        return lines

    def last(self) -> list[bytes | None]:
        """The line that nothing ends but the body."""
        return [self._end(b"")] if self._part or self._over else []

    def _add(self, piece: bytes) -> None:
        self._over = self._over or len(self._part) + len(piece) > self._longest
        if self._over:
            self._part.clear()
        else:
            self._part += piece

    def _end(self, piece: bytes) -> bytes | None:
        self._add(piece)
        line = None if self._over else bytes(self._part)
        self._part.clear()
        self._over = False
        return line


class Body:
    """The lines of one request, in chunks. Its times are limited: a stalled body is given up."""

    def __init__(self, receive: Receive, longest_line: int = MAX_LINE_BYTES) -> None:
        self._receive = receive
        self._breaker = LineBreaker(longest_line)
        self._lines: deque[RawLine] = deque()
        self._held = 0
        self._number = 0
        self._coming: asyncio.Future[Message] | None = None
        self._given_up = False
        self.ended = False
        """True once the whole body was read."""

    async def begin(self) -> None:
        """Asks for the body, so that a sender who waits for `100 Continue` gets it before the answer begins."""
        await self._read(STALL_SECONDS)

    async def chunks(self) -> AsyncIterator[list[RawLine]]:
        """Lines as they come, CHUNK_LINES or CHUNK_BYTES at a time, fewer when the sender pauses; empty ones left out.

        Raises HungUp, and Refusal (`upload_stalled`, `body_too_large`).
        """
        end = time.monotonic() + LONGEST_SECONDS
        while not self.ended or self._lines:
            if self._is_full() or (self.ended and self._lines):
                yield self._chunk()
            elif time.monotonic() > end:
                raise self._give_up(LONGEST_SECONDS)
            elif not await self._read(PAUSE_SECONDS if self._lines else STALL_SECONDS):
                if not self._lines:
                    raise self._give_up(STALL_SECONDS)
                yield self._chunk()

    async def drain(self) -> None:
        """Reads on without keeping anything: many a client listens only once it has sent everything."""
        try:
            async with asyncio.timeout(STALL_SECONDS):
                while not self.ended and not self._given_up:
                    await self._read(STALL_SECONDS)
                    self._lines.clear()
        except (TimeoutError, HungUp, Refusal):
            return

    def close(self) -> None:
        """Stops reading."""
        if self._coming is not None:
            self._coming.cancel()

    async def _read(self, seconds: float) -> bool:
        """Takes in the next piece; False if none came in `seconds`."""
        if self._coming is None:
            self._coming = asyncio.ensure_future(self._receive())
        # Not asyncio.timeout: what is being received must not be lost with it.
        done, _ = await asyncio.wait({self._coming}, timeout=seconds)
        if not done:
            return False
        message, self._coming = self._coming.result(), None
        if message["type"] == "http.disconnect":
            raise HungUp
        self._take(self._breaker.push(message.get("body", b"")))
        if not message.get("more_body", False):
            self.ended = True
            self._take(self._breaker.last())
        return True

    def _take(self, lines: list[bytes | None]) -> None:
        for line in lines:
            self._number += 1
            if line is None or (line and not line.isspace()):
                self._lines.append((self._number, line))
                self._held += len(line or b"")

    def _give_up(self, seconds: float) -> Refusal:
        self._given_up = True
        return Refusal("upload_stalled", f"The next line did not come, or not the last one, within {seconds:g} s.")

    def _is_full(self) -> bool:
        return len(self._lines) >= CHUNK_LINES or self._held >= CHUNK_BYTES

    def _chunk(self) -> list[RawLine]:
        chunk: list[RawLine] = []
        size = 0
        while self._lines and len(chunk) < CHUNK_LINES and size < CHUNK_BYTES:
            chunk.append(self._lines.popleft())
            size += len(chunk[-1][1] or b"")
        self._held -= size
        if chunk[-1][0] > MAX_LINES:
            raise Refusal("body_too_large", f"A batch takes {MAX_LINES} lines; send the rest as another one.")
        return chunk
