"""Where a request that a caller asked for may go: the guard against being sent to the inside of the operator's network.

A name is resolved and every address checked; whoever connects must connect to exactly what came out of the check,
or a name that answers differently the second time would slip through.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from producer.errors import ProducerError
from producer.outbound.networks import Address, Network, innermost, is_public

MAX_URL = 1000
_PRINTABLE = re.compile(r"[!-~]+")
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9.])?|[0-9A-Fa-f:.]+")
_PORTS = {"http": 80, "https": 443}


class AddressRefused(ProducerError):
    """A URL or the address behind it is not one to send to; the message says what is expected instead."""

    @property
    def sentence(self) -> str:
        """The message as a sentence of its own."""
        text = str(self)
        return f"{text[:1].upper()}{text[1:]}."


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart. `path` holds the query too; `host` has no brackets."""

    scheme: str
    host: str
    port: int
    path: str


def target_of(url: str, longest: int = MAX_URL) -> Target:
    """The parts of an http(s) URL. Raises AddressRefused for anything that two readers might read differently."""
    if len(url) > longest or not _PRINTABLE.fullmatch(url) or "\\" in url:
        raise AddressRefused(f"the URL must be at most {longest} printable ASCII characters (Punycode, %-escapes)")
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname or "", parts.port
    except ValueError as problem:
        raise AddressRefused(f"the URL cannot be read: {problem}") from problem
    if scheme not in _PORTS:
        raise AddressRefused("the URL must begin with https://")
    if parts.username is not None or parts.password is not None or parts.fragment or "#" in url:
        raise AddressRefused("the URL must have no user, password or fragment")
    if not _HOST.fullmatch(host) or len(host) > 253 or port == 0 or _is_odd_number(host):
        raise AddressRefused("the URL must name a host and, if any, a port from 1 to 65535")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(scheme, host, _PORTS[scheme] if port is None else port, path)


def resolve(host: str, port: int) -> list[str]:
    """The addresses of `host` as the system's resolver has them now. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(entry[4][0]) for entry in found]


class AddressGuard:
    """Lets through https to public addresses, and anything to the networks that the operator listed."""

    def __init__(self, listed: Sequence[str] = (), resolver: Callable[[str, int], list[str]] = resolve) -> None:
        """`listed` are networks such as 10.1.0.0/16 or 127.0.0.1; raises ValueError for what is none."""
        self._listed: tuple[Network, ...] = tuple(ip_network(text) for text in listed)
        self._resolver = resolver

    def check_url(self, url: str, longest: int = MAX_URL) -> Target:
        """The target of `url` as far as it can be judged without asking anybody. Raises AddressRefused."""
        target = target_of(url, longest)
        if target.scheme == "http" and not self._listed:
            raise AddressRefused("the URL must begin with https://")
        literal = _literal(target.host)
        if literal is not None:
            self._check(target, literal)
        return target

    def addresses(self, target: Target) -> list[str]:
        """The addresses to connect to, one of them at least. Raises AddressRefused if any must not be reached.

        Raises OSError where the name does not resolve.
        """
        found = list(dict.fromkeys(self._resolver(target.host, target.port)))
        if not found:
            raise AddressRefused(f"{target.host} has no address")
        for text in found:
            self._check(target, _parsed(target, text))
        return found

    def _check(self, target: Target, address: Address) -> None:
        if self._is_listed(address):
            return
        if not is_public(address):
            # The address itself is not told: it would map the operator's network for whoever asks.
            raise AddressRefused(f"{target.host} leads to an address that is not public")
        if target.scheme != "https":
            raise AddressRefused("the URL must begin with https://")

    def _is_listed(self, address: Address) -> bool:
        forms = {address, innermost(address)}
        return any(form in network for form in forms for network in self._listed if form.version == network.version)


def _is_odd_number(host: str) -> bool:
    # 127.1, 0x7f.0.0.1 and 2130706433 are addresses to some resolvers and names to others.
    return re.fullmatch(r"\d+|0[xX][0-9A-Fa-f]*", host.rstrip(".").rpartition(".")[2]) is not None and (
        _literal(host) is None
    )


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _parsed(target: Target, text: str) -> Address:
    address = _literal(text)
    if address is None or "%" in text:
        raise AddressRefused(f"{target.host} leads to an address that is not public")
    return address
