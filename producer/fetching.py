"""Pictures by URL: fetched from checked addresses, within a bound on time, bytes and numbers."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urldefrag, urljoin

import httpcore
import structlog

from producer.errors import ProducerError, Refusal
from producer.outbound.addresses import AddressGuard, AddressRefused, Target
from producer.outbound.connecting import Deadline
from producer.outbound.exchange import AGENT, exchange, header
from producer.places import Places

log = structlog.get_logger(__name__)

MAX_REDIRECTS = 3
# Links that a store has signed carry a session's whole token in their query.
MAX_PICTURE_URL = 4096
COME_AGAIN_SECONDS = 2.0
HEADERS = {"user-agent": f"{AGENT} (+pictures)", "accept": "image/png, image/jpeg, image/webp"}
_REDIRECTS = (301, 302, 303, 307, 308)


class _NotFetched(ProducerError):
    """There is no picture: a code of producer/api/problems.py, and as its text the end of a sentence."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


_FAILURES = (
    _NotFetched,
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    OSError,
    UnicodeError,
)


class Fetcher:
    """Fetches pictures for many threads. A picture is judged by its bytes later, never by what its server says."""

    def __init__(
        self,
        guard: AddressGuard,
        *,
        max_bytes: int,
        seconds: float,
        places: int,
        tenant_places: int,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`seconds` bound one visit; `places` are visits at once, `tenant_places` those of one tenant among them."""
        self._guard = guard
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._places = Places(
            "fetches of pictures", places, tenant_places, code="fetch_busy", seconds=COME_AGAIN_SECONDS
        )
        self._tls = ssl.create_default_context() if tls is None else tls

    @contextmanager
    def visit(self, tenant_id: str) -> Iterator[Visit]:
        """A place for fetching the pictures of one order. Raises LimitReached, and ComeAgain `fetch_busy`."""
        with self._places.taken(tenant_id):
            yield Visit(self._guard, self._tls, Deadline(self._seconds), self._max_bytes)


class Visit:
    """The pictures of one order, all of them before one deadline."""

    def __init__(self, guard: AddressGuard, tls: ssl.SSLContext, deadline: Deadline, max_bytes: int) -> None:
        self._guard = guard
        self._tls = tls
        self._deadline = deadline
        self._max_bytes = max_bytes

    def fetch(self, url: str, field: str) -> bytes:
        """What `url` leads to, over at most MAX_REDIRECTS redirects, each of them checked like the URL itself.

        Raises Refusal for `field`: url_invalid, fetch_failed, fetch_timeout, fetch_too_large.
        """
        try:
            return self._follow(url)
        except AddressRefused as refused:
            raise Refusal.of_field(field, "url_invalid", refused.sentence) from None
        except _FAILURES as problem:
            code, reason = _told(problem)
            # The network's own words may know more of the inside than the caller should.
            log.info("picture_not_fetched", field=field, code=code, problem=repr(problem))
            raise Refusal.of_field(field, code, f"`{field}` could not be fetched: {reason}.") from None

    def _follow(self, url: str) -> bytes:
        for hop in range(MAX_REDIRECTS + 1):
            try:
                found = self._get(self._guard.check_url(url, MAX_PICTURE_URL))
            except AddressRefused as refused:
                if hop == 0:
                    raise
                raise AddressRefused(f"the URL redirects to where nothing is fetched from: {refused}") from None
            if isinstance(found, bytes):
                return found
            url = _next(url, found)
        raise _NotFetched("fetch_failed", f"it redirects more than {MAX_REDIRECTS} times")

    def _get(self, target: Target) -> bytes | str:
        """The body, or where a redirect leads."""
        with exchange("GET", target, self._guard, self._deadline, tls=self._tls, headers=HEADERS) as response:
            if response.status in _REDIRECTS:
                location = header(response, b"location")
                if location is None:
                    raise _NotFetched("fetch_failed", "it redirects to nowhere")
                return location
            if response.status != 200:
                raise _NotFetched("fetch_failed", f"its server answers {response.status} instead of 200")
            return self._body(response)

    def _body(self, response: httpcore.Response) -> bytes:
        encoding = header(response, b"content-encoding") or "identity"
        if encoding.lower() != "identity":
            # Unpacking is where a small answer becomes a large one, and pictures are packed already.
            raise _NotFetched("fetch_failed", "its server packs it, although it was asked not to")
        if int(header(response, b"content-length") or 0) > self._max_bytes:
            raise self._too_large()
        body = bytearray()
        for chunk in response.iter_stream():
            body += chunk
            if len(body) > self._max_bytes:
                raise self._too_large()
        return bytes(body)

    def _too_large(self) -> _NotFetched:
        return _NotFetched("fetch_too_large", f"it is larger than {self._max_bytes} bytes")


def _next(url: str, location: str) -> str:
    """Where a redirect from `url` leads; what a fragment names is a browser's affair."""
    try:
        return urldefrag(urljoin(url, location)).url
    except ValueError:
        raise AddressRefused("the URL redirects to what is no URL") from None


def _told(problem: Exception) -> tuple[str, str]:
    """A code, and the end of a sentence for the caller."""
    if isinstance(problem, _NotFetched):
        return problem.code, str(problem)
    if isinstance(problem, httpcore.TimeoutException):
        return "fetch_timeout", "it does not arrive in time"
    if any(isinstance(inner, ssl.SSLCertVerificationError) for inner in problem.args):
        return "fetch_failed", "the certificate of its server is not valid for that host"
    if isinstance(problem, httpcore.ConnectError):
        return "fetch_failed", "its server takes no connection"
    if isinstance(problem, (OSError, UnicodeError)):
        return "fetch_failed", "its host has no address"
    return "fetch_failed", "its server breaks off or does not speak HTTP"
