"""A TLS server before a plain one, as a deployment has it: fal's client speaks nothing else, and wheels know no TLS."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SSL_REQUEST = struct.pack("!ii", 8, 80877103)  # PostgreSQL's protocol, "SSLRequest"


@contextmanager
def tls_front(context: ssl.SSLContext, port: int, upstream: int | Path, *, asked: bool = False) -> Iterator[None]:
    """Passes what comes in at `port` of 127.0.0.1 on to `upstream`, another port of it or a Unix socket, and back.

    `asked`: TLS begins once the client has asked for it, as PostgreSQL's do.
    """
    loop = asyncio.new_event_loop()
    listening = socket.create_server(("127.0.0.1", port))
    listening.setblocking(False)
    front = _Front(context, upstream, asked)
    accepting = loop.create_task(front.accept(listening))
    thread = threading.Thread(target=loop.run_until_complete, args=(front.last(accepting),))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(accepting.cancel)
        thread.join()
        loop.close()
        listening.close()


class _Front:
    def __init__(self, context: ssl.SSLContext, upstream: int | Path, asked: bool) -> None:
        self._context, self._upstream, self._asked = context, upstream, asked
        self._visits: set[asyncio.Task[None]] = set()

    async def accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(listening)
            visit = loop.create_task(self._visit(connection))
            self._visits.add(visit)
            visit.add_done_callback(self._visits.discard)

    async def last(self, accepting: asyncio.Task[None]) -> None:
        """Until `accepting` is canceled; nothing stays open."""
        with contextlib.suppress(asyncio.CancelledError):
            await accepting
        visits = list(self._visits)
        for visit in visits:
            visit.cancel()
        await asyncio.gather(*visits, return_exceptions=True)
        await asyncio.sleep(0.01)  # transports say goodbye in the next rounds of the loop

    async def _visit(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            if self._asked:
                assert await loop.sock_recv(connection, len(SSL_REQUEST)) == SSL_REQUEST
                await loop.sock_sendall(connection, b"S")
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, connection, ssl=self._context)
        except (ConnectionError, ssl.SSLError):  # somebody does not trust somebody
            return
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        up_reader, up_writer = await _open(self._upstream)
        try:
            await asyncio.gather(_pump(reader, up_writer), _pump(up_reader, writer))
        finally:
            writer.transport.abort()
            up_writer.transport.abort()


async def _open(upstream: int | Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if isinstance(upstream, Path):
        return await asyncio.open_unix_connection(upstream)
    return await asyncio.open_connection("127.0.0.1", upstream)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    except (ConnectionError, ssl.SSLError):
        pass
    finally:
        writer.close()
