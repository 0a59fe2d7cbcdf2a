"""Limits of tenants, and requests counted against them by the database's clock."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from storage.database import Database
from storage.errors import TenantNotFound, TooManyRequests
from storage.key_store import KeyStore
from storage.tenant_store import BURST_SECONDS, TenantLimits, TenantStore


@pytest.fixture
def store(database: Database) -> TenantStore:
    return TenantStore(database)


@pytest.fixture
def acme(database: Database) -> str:
    return KeyStore(database).create_tenant("acme")


def admitted(store: TenantStore, tenant_id: str, rate: float, requests: int) -> int:
    """How many of `requests` sent one after the other are taken."""
    taken = 0
    for _ in range(requests):
        try:
            store.admit(tenant_id, rate)
        except TooManyRequests:
            continue
        taken += 1
    return taken


def send_until_refused(store: TenantStore, tenant_id: str, rate: float) -> None:
    """One request would do, were it not for machines so slow that the next one is due again."""
    for _ in range(100):
        store.admit(tenant_id, rate)


@pytest.mark.usefixtures("acme")
def test_limits_are_kept_as_they_were_set(store: TenantStore) -> None:
    assert store.limits("acme") == TenantLimits(1.0, None, None, None)
    limits = TenantLimits(weight=2.5, max_queued=10, max_running=1, requests_per_second=0.5)
    store.set_limits("acme", limits)
    assert store.limits("acme") == limits
    store.set_limits("acme", TenantLimits())
    assert store.limits("acme") == TenantLimits()


def test_a_tenant_that_is_not_there_has_no_limits(store: TenantStore) -> None:
    with pytest.raises(TenantNotFound, match="'nobody'"):
        store.limits("nobody")
    with pytest.raises(TenantNotFound, match="keys create"):
        store.set_limits("nobody", TenantLimits())


@pytest.mark.usefixtures("acme")
def test_limits_that_cannot_be_meant_are_refused_and_change_nothing(store: TenantStore) -> None:
    weights, rates = (0, -1, float("nan"), float("inf")), (0, float("nan"), 5e-324)
    senseless = [TenantLimits(weight=weight) for weight in weights]
    senseless += [TenantLimits(requests_per_second=rate) for rate in rates]
    senseless += [TenantLimits(max_queued=0), TenantLimits(max_running=-1)]
    for limits in senseless:
        with pytest.raises(ValueError, match="must"):
            store.set_limits("acme", limits)
    assert store.limits("acme") == TenantLimits()


def test_a_burst_is_taken_then_refused_then_taken_again(store: TenantStore, acme: str) -> None:
    rate = 4.0
    began = time.monotonic()
    taken = admitted(store, acme, rate, 20)
    passed = time.monotonic() - began
    assert 2 * rate <= taken <= (2 + passed) * rate + 1, "two seconds' worth, and what came meanwhile"
    with pytest.raises(TooManyRequests) as refusal:
        send_until_refused(store, acme, rate)
    assert 0 < refusal.value.retry_after <= 1 / rate
    time.sleep(refusal.value.retry_after + 0.02)
    store.admit(acme, rate)


def test_a_rate_below_one_burst_takes_one_at_a_time(store: TenantStore, acme: str) -> None:
    assert BURST_SECONDS < 10, "seconds for one request"
    assert admitted(store, acme, 0.1, 5) == 1


def test_processes_share_one_limit(database_url: str, acme: str) -> None:
    rate, together = 2.0, threading.Barrier(8)
    databases = [Database(database_url) for _ in range(2)]

    def send(n: int) -> int:
        together.wait()
        return admitted(TenantStore(databases[n % 2]), acme, rate, 5)

    try:
        began = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            taken = sum(pool.map(send, range(8)))
        passed = time.monotonic() - began
    finally:
        for opened in databases:
            opened.close()
    most = rate * (BURST_SECONDS + passed) + 1
    assert rate * BURST_SECONDS <= taken <= most, "one limit, not one for each process"


def test_tenants_are_counted_apart(database: Database, store: TenantStore, acme: str) -> None:
    other = KeyStore(database).create_tenant("other")
    assert admitted(store, acme, 0.5, 3) == 1
    assert admitted(store, other, 0.5, 3) == 1
