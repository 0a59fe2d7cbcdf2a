"""Pictures by URL, from a real HTTPS server that behaves as badly as a test tells it to."""

from __future__ import annotations

import gzip
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address

import pytest

from producer.errors import ComeAgain, Refusal
from producer.fetching import MAX_PICTURE_URL, Fetcher
from producer.outbound.addresses import AddressGuard
from producer.outbound.networks import innermost
from storage.errors import LimitReached
from tests.integration.webhooks.receiver import Answer, Receiver, receiving
from tests.tls import certificate
from tests.unit.outbound.test_addresses import INSIDE, NO_URLS

LOCAL = "127.0.0.1"
HOST = "pictures.example"
PICTURE = b"\x89PNG and so on"
MAX_BYTES = 100_000


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Of the server and of a client that trusts it."""
    return certificate(tmp_path_factory.mktemp("tls"), HOST)


@pytest.fixture
def host(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> Iterator[Receiver]:
    """A server that is known as HOST."""
    with receiving(contexts[0]) as receiver:
        yield receiver


Resolver = Callable[[str, int], list[str]]


@pytest.fixture
def make(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> Callable[..., Fetcher]:
    """Makes a fetcher for which every name leads to this machine, which is allowed."""

    def made(resolver: Resolver = lambda *_: [LOCAL], listed: tuple[str, ...] = (LOCAL,), **bounds: float) -> Fetcher:
        limits = {"max_bytes": MAX_BYTES, "seconds": 10.0, "places": 4, "tenant_places": 2, **bounds}
        return Fetcher(AddressGuard(listed, resolver), tls=contexts[1], **limits)  # type: ignore[arg-type]

    return made


def fetch(fetcher: Fetcher, url: str) -> bytes:
    with fetcher.visit("tnt_1") as visit:
        return visit.fetch(url, "mask")


def refused(fetcher: Fetcher, url: str, code: str) -> str:
    """The sentence of a refusal that names its field and none of the addresses behind names."""
    with pytest.raises(Refusal) as caught:
        fetch(fetcher, url)
    (error,) = caught.value.errors
    assert (caught.value.code, error.field, error.code) == (code, "mask", code)
    assert LOCAL in url or LOCAL not in error.detail
    return error.detail


def body(data: bytes, **headers: str) -> Answer:
    """A 200 with `data`, which is announced unless `headers` say otherwise; None leaves a header out."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        for name, value in {"content_length": str(len(data)), **headers}.items():
            if value:
                handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def to(url: str, status: int = 302) -> Answer:
    return status, {"location": url}


def test_a_picture_is_fetched_whatever_its_server_calls_it(host: Receiver, make: Callable[..., Fetcher]) -> None:
    host.answers = [body(PICTURE, content_type="text/html", set_cookie="a=b")]
    assert fetch(make(), host.url(HOST, "/a.png?signature=x%20y")) == PICTURE
    (got,) = host.received
    assert got.path == "/a.png?signature=x%20y"
    assert got.headers["host"] == f"{HOST}:{host.port}"
    assert got.headers["accept-encoding"] == "identity"
    assert got.headers["user-agent"].startswith("inpaintd/")
    assert not {"cookie", "authorization", "referer"} & got.headers.keys()


def test_no_proxy_of_the_environment_is_asked(
    host: Receiver, make: Callable[..., Fetcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    host.answers = [body(PICTURE)]
    assert fetch(make(), host.url(HOST)) == PICTURE


def test_bytes_that_nobody_announced_are_read_to_their_end(host: Receiver, make: Callable[..., Fetcher]) -> None:
    host.answers = [body(PICTURE, content_length="")]
    assert fetch(make(), host.url(HOST)) == PICTURE


@pytest.mark.parametrize("url", [*NO_URLS, "https://pictures.example/" + "x" * MAX_PICTURE_URL, "http://8.8.8.8/a.png"])
def test_what_is_no_url_is_refused_before_anybody_is_asked(make: Callable[..., Fetcher], url: str) -> None:
    if url == f"https://hooks.example/{'x' * 1000}":
        pytest.skip("too long for a webhook, not for a signed link")

    def ask(*_: object) -> list[str]:
        raise AssertionError("nobody should be asked")

    refused(make(ask), url, "url_invalid")


@pytest.mark.parametrize("address", INSIDE)
def test_nothing_inside_is_reached_literally_behind_a_name_or_by_a_redirect(
    host: Receiver, make: Callable[..., Fetcher], address: str
) -> None:
    literal = f"[{address}]" if ":" in address else address
    strict = make(lambda *_: [address], listed=())
    assert "not public" in refused(strict, f"https://{literal}:{host.port}/", "url_invalid")
    assert "not public" in refused(strict, host.url(HOST), "url_invalid")
    assert host.received == []
    if str(innermost(ip_address(address))) == LOCAL:
        return  # which is listed from here on
    names = {HOST: [LOCAL], "inside.example": ["8.8.8.8", address]}
    mixed = make(lambda name, _: names[name])
    for target in (f"https://{literal}/latest", "https://inside.example/latest"):
        host.answers = [to(target)]
        with pytest.raises(Refusal) as caught:
            fetch(mixed, host.url(HOST))
        detail = caught.value.errors[0].detail
        assert caught.value.code == "url_invalid"
        assert "redirects" in detail
        assert "not public" in detail
    assert {one.path for one in host.received} == {"/in"}


# What is relative, or lacks a host, leads back to the server that sent it; so does what has a fragment.
ELSEWHERE = [url for url in NO_URLS if "://" in url and not url.startswith(("https://hooks.example/", "https:///"))]


@pytest.mark.parametrize("url", [url for url in ELSEWHERE if url != "https://"])
def test_a_redirect_to_what_is_no_url_is_not_followed(host: Receiver, make: Callable[..., Fetcher], url: str) -> None:
    host.answers = [to(url)]
    assert "redirects" in refused(make(), host.url(HOST), "url_invalid")
    assert len(host.received) == 1


def test_a_name_that_changes_its_address_is_held_to_the_one_that_was_checked(
    host: Receiver, make: Callable[..., Fetcher]
) -> None:
    """DNS rebinding: whoever asks a second time is led inside, but the address that was checked is the one used."""
    answers = [[LOCAL], ["10.0.0.1"]]
    host.answers = [body(PICTURE)]
    assert fetch(make(lambda *_: answers.pop(0)), host.url(HOST)) == PICTURE
    assert answers == [["10.0.0.1"]]


def test_every_hop_is_resolved_and_checked_anew(host: Receiver, make: Callable[..., Fetcher]) -> None:
    answers = [[LOCAL], ["10.0.0.1"]]
    host.answers = [to("/again")]
    assert "not public" in refused(make(lambda *_: answers.pop(0)), host.url(HOST), "url_invalid")
    assert len(host.received) == 1


def test_three_redirects_are_followed_and_no_more(host: Receiver, make: Callable[..., Fetcher]) -> None:
    hops: list[Answer] = [to("/b#part", 301), to(host.url(HOST, "/c"), 307), to(f"//{HOST}:{host.port}/d", 308)]
    host.answers = [*hops, body(PICTURE)]
    assert fetch(make(), host.url(HOST, "/a")) == PICTURE
    assert [one.path for one in host.received] == ["/a", "/b", "/c", "/d"]
    host.answers = [to("/round") for _ in range(10)]
    assert "redirects more than 3 times" in refused(make(), host.url(HOST), "fetch_failed")
    assert len(host.received) == 8


def test_plain_http_is_for_listed_networks_alone(make: Callable[..., Fetcher]) -> None:
    with receiving() as plain:
        plain.answers = [body(PICTURE)]
        assert fetch(make(), plain.url(HOST)) == PICTURE
        assert "https://" in refused(make(listed=()), plain.url(HOST), "url_invalid")
        elsewhere = make(lambda *_: ["8.8.8.8"])
        assert "https://" in refused(elsewhere, plain.url(HOST), "url_invalid")
        assert len(plain.received) == 1


@pytest.mark.parametrize(
    "headers", [{"content_encoding": "gzip"}, {"content_encoding": "br"}, {"content_encoding": "GZip, identity"}]
)
def test_a_packed_body_is_refused_and_never_unpacked(
    host: Receiver, make: Callable[..., Fetcher], headers: dict[str, str]
) -> None:
    host.answers = [body(gzip.compress(bytes(50 * MAX_BYTES)), **headers)]
    assert "packs" in refused(make(), host.url(HOST), "fetch_failed")


def test_too_much_is_refused_when_announced_and_cut_off_when_not(host: Receiver, make: Callable[..., Fetcher]) -> None:
    hung_up = threading.Event()

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 65_536)
        except OSError:
            hung_up.set()
            raise

    host.answers = [(200, {"content-length": str(MAX_BYTES + 1)}), endless, body(bytes(MAX_BYTES))]
    assert f"{MAX_BYTES} bytes" in refused(make(), host.url(HOST), "fetch_too_large")
    refused(make(), host.url(HOST), "fetch_too_large")
    assert hung_up.wait(10)
    assert len(fetch(make(), host.url(HOST))) == MAX_BYTES


@pytest.mark.parametrize(
    "answer",
    [
        (404, {}),
        (304, {}),
        (500, {}),
        (206, {"content-length": "0"}),
        (302, {}),
        (200, {"content-length": "9" * 5000}),
        (200, {"content-length": "-1"}),
        body(PICTURE, content_length="1000"),
        body(PICTURE, x="y" * 200_000),
        lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH_9.9\r\n"),
        lambda _: None,
    ],
    ids=["404", "304", "500", "206", "no location", "long number", "negative", "short", "huge header", "ssh", "hangs"],
)
def test_whatever_is_no_whole_answer_is_a_failure(host: Receiver, make: Callable[..., Fetcher], answer: Answer) -> None:
    host.answers = [answer]
    refused(make(), host.url(HOST), "fetch_failed")


@pytest.mark.parametrize("before_headers", [True, False])
def test_a_drip_meets_the_deadline_over_all_pictures_of_an_order(
    host: Receiver, make: Callable[..., Fetcher], before_headers: bool
) -> None:
    given_up = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        if not before_headers:
            handler.send_response(200)
            handler.end_headers()
        while not given_up.wait(0.05):
            handler.wfile.write(b"HTTP/1.1 200 OK"[:1])

    host.answers = [body(PICTURE), drip]
    with make(seconds=0.7).visit("tnt_1") as visit:
        assert visit.fetch(host.url(HOST), "image") == PICTURE
        for _ in range(2):  # the second one has no time left
            with pytest.raises(Refusal) as caught:
                visit.fetch(host.url(HOST), "mask")
            assert caught.value.code == "fetch_timeout"
    given_up.set()
    assert len(host.received) == 2


def test_a_resolver_that_does_not_answer_meets_the_deadline(make: Callable[..., Fetcher]) -> None:
    given_up, answered = threading.Event(), threading.Event()

    def slow(*_: object) -> list[str]:
        given_up.wait(20)
        answered.set()
        return [LOCAL]

    refused(make(slow, seconds=0.3), f"https://{HOST}/", "fetch_timeout")
    assert not answered.is_set()
    given_up.set()


def test_who_is_not_there_or_is_somebody_else_is_a_failure(host: Receiver, make: Callable[..., Fetcher]) -> None:
    def nowhere(*_: object) -> list[str]:
        raise OSError("Name or service not known")

    assert "has no address" in refused(make(nowhere), host.url(HOST), "fetch_failed")
    assert "no connection" in refused(make(), f"https://{HOST}:1/", "fetch_failed")
    assert "certificate" in refused(make(), host.url("impostor.example"), "fetch_failed")
    assert host.received == []


def test_slow_hosts_take_no_more_places_than_a_tenant_and_all_together_may_have(make: Callable[..., Fetcher]) -> None:
    fetcher = make(places=3, tenant_places=2)
    with fetcher.visit("tnt_1"), fetcher.visit("tnt_1"):
        with pytest.raises(LimitReached) as limited, fetcher.visit("tnt_1"):
            pass
        with fetcher.visit("tnt_2"), pytest.raises(ComeAgain) as busy, fetcher.visit("tnt_3"):
            pass
    assert (busy.value.code, busy.value.retry_after > 0, limited.value.retry_after > 0) == ("fetch_busy", True, True)
    with fetcher.visit("tnt_1"), fetcher.visit("tnt_3"):
        pass
