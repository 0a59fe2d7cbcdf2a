"""How often one address may ask without a key."""

from __future__ import annotations

import pytest

from producer.api import address_limit
from producer.api.address_limit import BURST, AddressLimit
from producer.errors import ComeAgain


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def used_up(limit: AddressLimit, address: str) -> float:
    """Asks as often as it may at once, and then once more: the seconds until it may again."""
    for _ in range(BURST):
        limit.admit(address)
    with pytest.raises(ComeAgain) as refusal:
        limit.admit(address)
    return refusal.value.retry_after


def test_after_a_burst_an_address_waits_its_turn() -> None:
    clock = Clock()
    limit = AddressLimit(30, clock)
    wait = used_up(limit, "192.0.2.1")
    assert wait == pytest.approx(2.0)
    clock.now += wait - 0.01
    with pytest.raises(ComeAgain):
        limit.admit("192.0.2.1")
    clock.now += 0.02
    limit.admit("192.0.2.1")
    clock.now += 60
    assert used_up(limit, "192.0.2.1") == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::2", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("", "", True),
    ],
)
def test_who_counts_as_one(one: str, other: str, alike: bool) -> None:
    limit = AddressLimit(1, Clock())
    used_up(limit, one)
    if alike:
        with pytest.raises(ComeAgain):
            limit.admit(other)
    else:
        limit.admit(other)


def test_only_so_many_addresses_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address_limit, "MOST_ADDRESSES", 3)
    limit = AddressLimit(1, Clock())
    used_up(limit, "192.0.2.1")
    for last in (2, 3, 4):
        limit.admit(f"192.0.2.{last}")
    limit.admit("192.0.2.1")
