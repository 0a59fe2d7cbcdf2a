"""One attempt to deliver: a POST to a checked address, bounded in time and size, redirects not followed."""

from __future__ import annotations

import ssl
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpcore

from producer.outbound.addresses import AddressGuard, AddressRefused, Target
from producer.outbound.connecting import Deadline
from producer.outbound.exchange import AGENT, exchange, header
from producer.webhooks.signing import signed_headers
from storage.webhook import Outcome

TOTAL_SECONDS = 15.0
MAX_ANSWER_BYTES = 4096
USER_AGENT = f"{AGENT} (+webhooks)"


class Sender:
    """Sends signed bodies. Safe to call from many threads; every attempt has a connection of its own."""

    def __init__(
        self, guard: AddressGuard, *, seconds: float = TOTAL_SECONDS, tls: ssl.SSLContext | None = None
    ) -> None:
        self._guard = guard
        self._seconds = seconds
        self._tls = ssl.create_default_context() if tls is None else tls

    def send(self, url: str, delivery_id: str, body: bytes, secrets: Sequence[str]) -> Outcome:
        """What came of it; never raises for what the receiver or the network does."""
        began = time.monotonic()
        headers = signed_headers(delivery_id, int(time.time()), body, secrets)
        status, error, answer, wish = None, None, b"", None
        try:
            status, answer, wish = self._post(self._guard.check_url(url), headers, body)
        except AddressRefused as refused:
            error = str(refused)
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as problem:
            error = f"{type(problem).__name__}: {problem}"
        except (OSError, UnicodeError) as problem:
            error = f"the name does not resolve: {problem}"
        if status is not None and 300 <= status < 400:
            error = "redirects are not followed; give the final URL"
        milliseconds = round((time.monotonic() - began) * 1000)
        return Outcome(status, error, milliseconds, answer.decode(errors="replace"), wish)

    def _post(self, target: Target, headers: dict[str, str], body: bytes) -> tuple[int, bytes, float | None]:
        headers = {"user-agent": USER_AGENT, "content-type": "application/json", **headers}
        request = exchange(
            "POST", target, self._guard, Deadline(self._seconds), tls=self._tls, headers=headers, content=body
        )
        with request as response:
            return response.status, _beginning(response), _retry_after(response)


def _beginning(response: httpcore.Response) -> bytes:
    # The status has said everything that counts; a body that never ends or breaks off changes nothing.
    read = bytearray()
    try:
        for chunk in response.iter_stream():
            read += chunk
            if len(read) >= MAX_ANSWER_BYTES:
                break
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
        pass
    return bytes(read[:MAX_ANSWER_BYTES])


def _retry_after(response: httpcore.Response) -> float | None:
    value = header(response, b"retry-after")
    return None if value is None else seconds_to_wait(value, datetime.now(UTC))


def seconds_to_wait(text: str, now: datetime) -> float | None:
    """What a Retry-After header asks for, in seconds from `now`: a number or a date; None if it is neither."""
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())
