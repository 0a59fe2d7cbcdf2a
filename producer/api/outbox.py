"""What is still to be sent to a caller who may listen late."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable

from starlette.types import Send

MOST_BYTES = 16 * 1024 * 1024
# A caller who takes nothing for so long, although it has nothing more to send, is let go.
STUCK_SECONDS = 60.0


class Outbox:
    """Sends in the background, in order. Nothing that is put into it waits for the caller."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._waiting: deque[bytes] = deque()
        self._held = self._sent = 0
        self._news = asyncio.Event()
        self._ended = False
        self._pump: asyncio.Task[None] | None = None

    async def begin(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Begins the response."""
        await self._send({"type": "http.response.start", "status": status, "headers": list(headers)})
        self._pump = asyncio.create_task(self._run())

    def put(self, data: bytes) -> bool:
        """Sends `data` after what is already there; False when the caller has left more than MOST_BYTES untaken."""
        self._waiting.append(data)
        self._held += len(data)
        self._news.set()
        return self._held <= MOST_BYTES

    async def close(self) -> None:
        """Ends the response once all has been taken, or gives up on a caller who takes nothing."""
        self._ended = True
        self._news.set()
        while self._pump is not None and not self._pump.done():
            sent = self._sent
            await asyncio.wait({self._pump}, timeout=STUCK_SECONDS)
            if self._sent == sent:
                break
        await self.abort()

    async def abort(self) -> None:
        """Sends nothing more."""
        if self._pump is not None:
            self._pump.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._pump

    async def _run(self) -> None:
        while not self._ended or self._waiting:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                data = self._waiting.popleft()
                await self._send({"type": "http.response.body", "body": data, "more_body": True})
                self._held -= len(data)
                self._sent += len(data)
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})
