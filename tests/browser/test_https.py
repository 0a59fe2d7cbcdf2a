"""The console under HTTPS, as it is meant to be served: with a certificate of its own and a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from producer.console.headers import TRANSPORT
from producer.console.session import COOKIE
from storage.job import JobState
from tests.browser.seat import Seat
from tests.contract.api.serving import running
from tests.contract.console.desk import PASSWORD, Console
from tests.contract.moderation.office import Office
from tests.tls import certificate


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Console]:
    certificate(tmp_path, "localhost")
    with running(tmp_path, tls=tmp_path / "server.pem") as stack:
        console = Console(stack, Office(stack.services.database, tmp_path / "objects", stack.services.submitter.policy))
        with console.open:
            yield console


def test_signing_in_revealing_and_deciding_over_https(chromium: Browser, secured: Console) -> None:
    job = secured.office.held_request()
    secured.stranger("ada")
    context = chromium.new_context(ignore_https_errors=True)
    context.set_default_timeout(15_000)
    ada = Seat("ada", context.new_page(), secured.stack.url)
    answer = ada.page.goto(f"{ada.url}/console/sign-in")
    assert answer is not None
    assert answer.headers["strict-transport-security"] == TRANSPORT
    ada.page.get_by_label("Name").fill("ada")
    ada.page.get_by_label("Password").fill(PASSWORD)
    ada.page.keyboard.press("Enter")
    expect(ada.page.get_by_role("heading", name="Queues")).to_be_visible()
    cookies = {one["name"]: one for one in context.cookies()}
    assert (cookies[COOKIE]["secure"], cookies[COOKIE]["httpOnly"], cookies[COOKIE]["sameSite"]) == (
        True,
        True,
        "Strict",
    )
    assert all(one["secure"] for one in cookies.values())
    ada.next()
    ada.reveal("input")
    ada.decide("Approve", "context")
    assert secured.office.jobs.get(job.id).state is JobState.QUEUED
    context.close()
