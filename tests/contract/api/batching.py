"""What tests of batches send and read."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.contract.api.serving import Tenant, mask, photo

TYPE = {"Content-Type": "application/x-ndjson"}


def uploaded(tenant: Tenant) -> dict[str, str]:
    """Image and mask of a line, as files."""
    return {name: _upload(tenant, data) for name, data in (("image", photo()), ("mask", mask()))}


def _upload(tenant: Tenant, data: bytes) -> str:
    return str(tenant.http.post("/v1/files", files={"file": data}).raise_for_status().json()["id"])


def body_of(lines: Sequence[dict[str, Any] | str | bytes]) -> bytes:
    """A body of these lines; what is no object stands as it is."""
    return b"".join(_bytes(line) + b"\n" for line in lines)


def _bytes(line: dict[str, Any] | str | bytes) -> bytes:
    if isinstance(line, bytes):
        return line
    return (line if isinstance(line, str) else json.dumps(line)).encode()


def send(tenant: Tenant, lines: Sequence[dict[str, Any] | str | bytes], key: str | None = None, **query: Any) -> Answer:
    """Sends a batch that must be read to its end."""
    headers = TYPE if key is None else {**TYPE, "Idempotency-Key": key}
    answer = tenant.http.post("/v1/batches", content=body_of(lines), headers=headers, params=query)
    assert answer.status_code == 200, answer.text
    return Answer(answer)


class Answer:
    """The answer to a batch: a dict for each line, and the last."""

    def __init__(self, response: httpx.Response) -> None:
        *self.lines, self.last = map(json.loads, response.text.splitlines())
        self.location = response.headers["location"]

    @property
    def batch(self) -> dict[str, Any]:
        found: dict[str, Any] = self.last["batch"]
        return found

    @property
    def statuses(self) -> list[int]:
        return [line["status"] for line in self.lines]

    @property
    def codes(self) -> list[str | None]:
        return [line.get("error", {}).get("code") for line in self.lines]

    @property
    def jobs(self) -> list[str]:
        """The ids of the jobs, of those lines that have one."""
        return [line["job"]["id"] for line in self.lines if "job" in line]


class Wire:
    """A batch on a connection of its own, written and read by hand."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._file = connection.makefile("rb")

    def close(self) -> None:
        """Hangs up."""
        self._file.close()

    def begin(self, tenant: Tenant, key: str | None = None) -> None:
        named = "" if key is None else f"Idempotency-Key: {key}\r\n"
        head = f"POST /v1/batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {tenant.key}\r\n{named}"
        head += f"Content-Type: {TYPE['Content-Type']}\r\nTransfer-Encoding: chunked\r\n\r\n"
        self._connection.sendall(head.encode())

    def write(self, data: bytes) -> None:
        self._connection.sendall(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self) -> None:
        self._connection.sendall(b"0\r\n\r\n")

    def headers(self) -> dict[str, str]:
        status = self._file.readline()
        assert b" 200 " in status, status
        pairs = (line.decode().partition(":") for line in iter(self._file.readline, b"\r\n"))
        return {name.lower(): value.strip() for name, _, value in pairs}

    def answers(self) -> Iterator[dict[str, Any]]:
        """Lines of the answer, as they come."""
        held = b""
        while size := int(self._file.readline(), 16):
            held += self._file.read(size)
            self._file.readline()
            *ended, held = held.split(b"\n")
            yield from map(json.loads, ended)


@contextmanager
def wire(tenant: Tenant, receive_bytes: int | None = None) -> Iterator[Wire]:
    """A connection to the tenant's server; `receive_bytes`: how much the kernel takes in before it is read."""
    url = urlsplit(tenant.stack.url)
    with socket.socket() as connection:
        if receive_bytes is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        connection.settimeout(30)
        connection.connect((url.hostname, url.port))
        with closing(Wire(connection)) as opened:
            yield opened
