"""Callers who send too slowly, too much, or what is no request: bounded time and memory, and an answer that says so."""

from __future__ import annotations

import itertools
import json
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from producer.api import last_resort, limits, wire
from tests.contract.api.serving import Stack, Tenant, request, running
from tests.contract.api.test_bad_input import refused

PROMPT_SECONDS = 20
_numbers = itertools.count()


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A server that holds 200 kB of bodies at once, 100 kB of each."""
    folder = tmp_path_factory.mktemp("strict")
    with running(folder, max_body_bytes=100_000, max_held_bytes=200_000) as stack:
        yield stack


@pytest.fixture
def caller(strict: Stack) -> Iterator[Tenant]:
    """Somebody who may do everything there."""
    tenant = strict.tenant(f"caller {next(_numbers)}", "admin")
    with tenant.http:
        yield tenant


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is slow is refused at the next look, which comes within a second."""
    monkeypatch.setattr(wire, "HEAD_SECONDS", 0.1)
    monkeypatch.setattr(wire, "STRETCH_SECONDS", 0.1)
    monkeypatch.setattr(wire, "STUCK_SECONDS", 0.1)


class Raw:
    """A connection on which anything may be sent."""

    def __init__(self, stack: Stack, room: int | None) -> None:
        self._socket = socket.socket()
        self._socket.settimeout(PROMPT_SECONDS)
        if room is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        self._socket.connect(("127.0.0.1", int(stack.url.rpartition(":")[2])))

    def send(self, data: bytes) -> None:
        """Sends it, as far as the other side takes it."""
        with suppress(OSError):
            self._socket.sendall(data)

    def some(self) -> bytes:
        """What comes next."""
        return self._socket.recv(65536)

    def rest(self) -> bytes:
        """Everything until the other side closes."""
        return b"".join(iter(lambda: self._socket.recv(65536), b""))

    def problem(self) -> dict[str, Any]:
        """The problem that is the one and last answer, and the connection ends after it."""
        head, _, body = self.rest().partition(b"\r\n\r\n")
        assert b"content-type: application/problem+json" in head, head
        assert b"connection: close" in head
        problem: dict[str, Any] = json.loads(body)
        assert head.startswith(f"HTTP/1.1 {problem['status']} ".encode())
        return problem

    def close(self) -> None:
        """Hangs up."""
        self._socket.close()


@contextmanager
def raw(stack: Stack, room: int | None = None) -> Iterator[Raw]:
    """A connection for the time of the block, on which no more than `room` bytes are taken ahead."""
    connection = Raw(stack, room)
    try:
        yield connection
    finally:
        connection.close()


def head(tenant: Tenant, path: str = "/v1/jobs", length: int = 50_000, kind: str = "application/json") -> bytes:
    """The head of a POST."""
    fields = f"Host: a\r\nAuthorization: Bearer {tenant.key}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n"
    return f"POST {path} HTTP/1.1\r\n{fields}\r\n".encode()


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize(
    "sent", [b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ", b"\r\n\r\n"]
)
def test_a_head_that_does_not_end_is_given_up(strict: Stack, sent: bytes) -> None:
    with raw(strict) as line:
        line.send(sent)
        assert line.problem()["code"] == "request_too_slow"


@pytest.mark.usefixtures("_impatient")
def test_so_is_one_that_begins_after_an_answer(strict: Stack) -> None:
    with raw(strict) as line:
        line.send(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert line.some().startswith(b"HTTP/1.1 200 ")
        line.send(b"\r\n")
        assert line.problem()["code"] == "request_too_slow"


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize(
    ("path", "kind"),
    [("/v1/jobs", "application/json"), ("/v1/files", "multipart/form-data; boundary=b"), ("/v1/webhooks", "")],
)
def test_a_body_that_does_not_come_is_given_up(caller: Tenant, path: str, kind: str) -> None:
    with raw(caller.stack) as line:
        line.send(head(caller, path, kind=kind or "application/json") + b"--b")
        assert line.problem()["code"] == "request_too_slow"
    assert caller.left_behind() == (0, 0)


@pytest.mark.usefixtures("_impatient")
def test_what_is_left_of_a_body_that_was_refused_is_not_waited_for(strict: Stack) -> None:
    with raw(strict) as line:
        line.send(b"POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n{")
        assert line.rest().startswith(b"HTTP/1.1 401 ")


@pytest.mark.usefixtures("_impatient")
def test_whoever_waits_for_us_is_not_slow(caller: Tenant) -> None:
    """A long poll sends nothing, and a batch pauses as long as it likes within its own times."""
    job = caller.http.post("/v1/jobs", json=request()).json()
    assert caller.http.get(f"/v1/jobs/{job['id']}?wait=2").json()["status"] == "queued"

    def lines() -> Iterator[bytes]:
        yield b"{}\n"
        time.sleep(1.5)  # longer than the server looks away, and there is no event for having been spared
        yield b"{}\n"

    answer = caller.http.post("/v1/batches", content=lines(), headers={"Content-Type": "application/x-ndjson"})
    assert answer.status_code == 200
    assert [json.loads(line).get("status") for line in answer.text.splitlines()] == [422, 422, None]


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /healthz HTTP/1.1\r\n" + b"X-A: b\r\n" * 200 + b"\r\n",
        b"GET /healthz HTTP/1.1\r\nX-Long: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nX-Endless: " + b"a" * 400_000,
        b"GET /" + b"a" * 400_000,
        b"GET /healthz HTTP/1.1\r\n" + b"X-A: b\r\n" * 40_000,
    ],
    ids=["many", "long", "an endless one", "an endless address", "without end"],
)
def test_a_flood_of_header_fields_is_refused(strict: Stack, sent: bytes) -> None:
    with raw(strict) as line:
        line.send(sent)
        assert line.problem()["code"] == "headers_too_large"


@pytest.mark.parametrize("sent", [b"HELLO\r\n\r\n", b"\x16\x03\x01\x00\xa5", b"GET / HTTP/9.9\r\n\r\n", b"\0" * 99])
def test_what_is_no_request_is_told_so(strict: Stack, sent: bytes) -> None:
    with raw(strict) as line:
        line.send(sent)
        assert line.problem()["code"] == "http_invalid"


def test_requests_far_ahead_of_their_answers_are_refused(strict: Stack) -> None:
    with raw(strict) as line:
        line.send(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" * 500)
        assert line.rest().count(b"HTTP/1.1 200 ") <= wire.MOST_AHEAD + 1


def test_many_connections_are_answered_as_far_as_there_is_room(strict: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MOST_CONNECTIONS", 0)
    with raw(strict) as line:
        assert line.problem()["code"] == "server_busy"


def test_bodies_that_do_not_fit_beside_each_other_are_told_to_come_again(
    caller: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    full, take = threading.Event(), limits._Held._take

    def watched(held: limits._Held, size: int) -> None:
        take(held, size)
        if held._memory is not None and held._memory.taken >= 188_000:
            full.set()

    monkeypatch.setattr(limits._Held, "_take", watched)
    with raw(caller.stack) as one, raw(caller.stack) as other:
        for line in (one, other):
            line.send(head(caller, length=95_000) + b"{" * 94_000)
        assert full.wait(PROMPT_SECONDS)
        answer = caller.submit(prompt="a" * 20_000)
        assert refused(answer, 503, "server_busy")["title"] == "Busy"
        assert answer.headers["retry-after"] == "5"
    deadline = time.monotonic() + PROMPT_SECONDS
    while caller.submit().status_code == 503:  # both have hung up, which the server is about to notice
        assert time.monotonic() < deadline


def test_a_body_without_an_announced_length_counts_as_it_comes(caller: Tenant) -> None:
    parts = (b"{" + b" " * 9_999 for _ in range(1000))
    answer = caller.http.post("/v1/jobs", content=parts, headers={"Content-Type": "application/json"})
    refused(answer, 413, "body_too_large")


@pytest.mark.parametrize(
    "form",
    [
        b"--b\r\nContent-Disposition: form-data; name=" + b"a" * 60_000,
        b"--b\r\nX: y\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 1_500,
        b"".join(b'--b\r\nContent-Disposition: form-data; name="%d"\r\n\r\n\r\n' % n for n in range(1_500)),
        b"--b" * 30_000,
        b"\r\n--" * 20_000,
    ],
    ids=["a long field", "many fields", "one part again and again", "many parts", "boundaries", "no boundary"],
)
def test_forms_made_to_be_slow_are_refused_soon(caller: Tenant, form: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = caller.http.post("/v1/files", content=form, headers=headers, timeout=PROMPT_SECONDS)
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def _png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in [(b"IHDR", header), *chunks, (b"IEND", b"")])


def _bomb(size: int = 40_000_000) -> bytes:
    return zlib.compress(bytes(size), 9)


@pytest.mark.parametrize(
    ("picture", "code"),
    [
        (_png(30_000, 30_000, (b"IDAT", _bomb())), "image_too_large"),
        (_png(64, 64, (b"IDAT", _bomb())), None),
        (_png(64, 64, (b"iCCP", b"x\0\0" + _bomb()), (b"IDAT", _bomb(64 * 193))), "image_corrupt"),
        (_png(64, 64, (b"zTXt", b"x\0\0" + _bomb()), (b"IDAT", _bomb(64 * 193))), "image_corrupt"),
        (
            _png(64, 64, (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + _bomb()), (b"IDAT", _bomb(64 * 193))),
            "image_corrupt",
        ),
    ],
    ids=["pixels", "more than its pixels", "a profile", "a text", "metadata"],
)
def test_pictures_that_grow_when_they_are_unpacked(tenant: Tenant, picture: bytes, code: str | None) -> None:
    peak = _Peak()
    with peak:
        answer = tenant.http.post("/v1/files", files={"file": picture})
    if code is None:
        assert answer.status_code in (201, 422), answer.text
    else:
        refused(answer, 422, code)
    assert peak.megabytes < 60, "nothing of it was unpacked"


class _Peak:
    """How much more memory this process, in which the server runs, had at its highest than before."""

    megabytes = 0.0

    def __enter__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")
        self._before = _memory("VmRSS")

    def __exit__(self, *_: object) -> None:
        self.megabytes = _memory("VmHWM") - self._before


def _memory(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


def test_a_packed_body_is_not_unpacked(tenant: Tenant) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "deflate"}
    refused(tenant.http.post("/v1/jobs", content=_bomb(), headers=headers), 400, "invalid_utf8")


class _Log:
    """Tells when a certain event is logged."""

    def __init__(self, event: str) -> None:
        self._event = event
        self.came = threading.Event()

    def info(self, event: str, **_: object) -> None:
        """Called by whoever logs."""
        if event == self._event:
            self.came.set()


def test_whoever_hangs_up_in_the_middle_leaves_a_line_in_the_log_and_nothing_else(
    caller: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(last_resort, "log", log := _Log("caller_hung_up"))
    with raw(caller.stack) as line:
        line.send(head(caller) + b"{")
    assert log.came.wait(PROMPT_SECONDS)
    assert caller.left_behind() == (0, 0)


@pytest.mark.usefixtures("_impatient")
def test_an_answer_that_nobody_takes_is_dropped(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "log", log := _Log("answer_not_taken"))
    with raw(stack, room=4096) as line:
        line.send(b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n" * wire.MOST_AHEAD)
        assert log.came.wait(PROMPT_SECONDS)
