"""Where a caller may send the service, and where never."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.outbound.addresses import AddressGuard, AddressRefused, Target, target_of
from producer.outbound.networks import is_public

INSIDE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
OUTSIDE = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.0",
    "168.63.129.17",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.1",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450::1",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
]
NO_URLS = [
    "",
    "hooks.example",
    "//hooks.example/",
    "ftp://hooks.example/",
    "file:///etc/passwd",
    "gopher://hooks.example/",
    "https://",
    "https:///path",
    "https://user@hooks.example/",
    "https://user:secret@hooks.example/",
    "https://hooks.example@127.0.0.1/",
    "https://hooks.example/#part",
    "https://hooks.example/#",
    "https://hooks.example\\@127.0.0.1/",
    "https://hooks.example /",
    "https://hooks.example/\r\nX-Evil: 1",
    "https://hooks.example/\0",
    "https://hööks.example/",
    "https://hooks.example:0/",
    "https://hooks.example:65536/",
    "https://hooks.example:http/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://0x7f.0.0.1/",
    "https://127.0.0.1./",
    "https://[fe80::1%25eth0]/",
    "https://[::1/",
    "https://[hooks.example]/",
    f"https://hooks.example/{'x' * 1000}",
]


def guard(*addresses: str, listed: tuple[str, ...] = ()) -> AddressGuard:
    return AddressGuard(listed, lambda *_: list(addresses))


def test_a_url_is_taken_apart() -> None:
    assert target_of("https://hooks.example/a/b?c=d&e") == Target("https", "hooks.example", 443, "/a/b?c=d&e")
    assert target_of("http://HOOKS.example:8080") == Target("http", "hooks.example", 8080, "/")
    assert target_of("https://[2606:4700::1]:444/") == Target("https", "2606:4700::1", 444, "/")


@pytest.mark.parametrize("url", NO_URLS)
def test_what_is_no_url_to_send_to(url: str) -> None:
    with pytest.raises(AddressRefused):
        guard("8.8.8.8", listed=("10.0.0.0/8",)).check_url(url)


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_refused_literally_and_behind_a_name(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(AddressRefused, match="not public"):
        guard().check_url(f"https://{host}/")
    with pytest.raises(AddressRefused, match="not public") as refused:
        guard("8.8.8.8", address).addresses(target_of("https://hooks.example/"))
    assert address not in str(refused.value)


@pytest.mark.parametrize("address", OUTSIDE)
def test_a_public_address_is_let_through_with_tls_alone(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    target = guard().check_url(f"https://{host}/")
    assert guard(address).addresses(target) == [address]
    with pytest.raises(AddressRefused, match="https"):
        guard(address, listed=("10.0.0.0/8",)).addresses(target_of(f"http://{host}/"))


@pytest.mark.parametrize(
    ("listed", "address"),
    [
        ("10.1.0.0/16", "10.1.2.3"),
        ("127.0.0.1", "127.0.0.1"),
        ("fd00::/8", "fd00::1"),
        ("10.0.0.0/8", "::ffff:10.0.0.1"),
    ],
)
def test_what_the_operator_listed_is_let_through_also_without_tls(listed: str, address: str) -> None:
    for scheme in ("http", "https"):
        assert guard(address, listed=(listed,)).addresses(target_of(f"{scheme}://hooks.example/")) == [address]
    with pytest.raises(AddressRefused):
        guard(address, "10.2.0.1" if listed != "10.0.0.0/8" else "11.0.0.1", listed=(listed,)).addresses(
            target_of("http://hooks.example/")
        )


def test_a_name_without_an_address_or_with_a_strange_one_is_refused() -> None:
    for found in ((), ("fe80::1%eth0",), ("nonsense",)):
        with pytest.raises(AddressRefused):
            guard(*found).addresses(target_of("https://hooks.example/"))


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_is_public_that_python_calls_inside(address: IPv4Address) -> None:
    if is_public(address):
        inside = (address.is_private, address.is_multicast, address.is_reserved, address.is_link_local)
        assert not any(inside)


@given(st.ip_addresses(v=4))
def test_wrapping_an_ipv4_address_never_opens_it(address: IPv4Address) -> None:
    number = int(address)
    wrapped = [0xFFFF << 32 | number, 0x64FF9B << 96 | number, number, 0x2002 << 112 | number << 80]
    for value in wrapped:
        assert is_public(address) or not is_public(IPv6Address(value))
