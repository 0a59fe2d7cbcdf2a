"""Signing in by a provider: a real one on the loopback, honest and otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey

from producer.console.session import COOKIE
from storage.moderator_store import ModeratorStore, Role
from tests.contract.api.serving import Stack, running
from tests.contract.console.provider import CLIENT, SECRET, Provider, providing


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with providing() as provider:
        yield provider


@pytest.fixture(scope="module")
def stack(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    settings = {"oidc_issuer": provider.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
    with running(tmp_path_factory.mktemp("oidc"), **settings) as stack:
        ModeratorStore(stack.services.database).add("ada", Role.REVIEWER, subject="subject-1")
        yield stack


@pytest.fixture
def http(stack: Stack, provider: Provider) -> Iterator[httpx.Client]:
    """A browser before the form to sign in, and a provider that says the truth."""
    provider.claims, provider.subject, provider.signs_with = {}, "subject-1", None
    with httpx.Client(base_url=stack.url, timeout=30) as http:
        yield http


def test_the_way_there_and_back(http: httpx.Client) -> None:
    assert "/console/oidc" in http.get("/console/sign-in").text
    answer = http.get("/console/oidc", follow_redirects=True)
    assert "Signed in" in answer.text
    assert "samesite=strict" in next(c for c in answer.headers.get_list("set-cookie") if COOKIE in c).lower()
    assert "ada" in http.get("/console/").text


LIES: dict[str, dict[str, Any]] = {
    "of another issuer": {"iss": "https://elsewhere.example"},
    "for another client": {"aud": "somebody-else"},
    "of another sign-in": {"nonce": "another"},
    "that is over": {"exp": 1},
    "to another party": {"aud": [CLIENT, "other"], "azp": "other"},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_token_that_proves_nothing_opens_nothing(http: httpx.Client, provider: Provider, lie: str) -> None:
    provider.claims = LIES[lie]
    answer = http.get("/console/oidc", follow_redirects=True)
    assert answer.status_code == 401
    assert "does not prove who you are" in answer.text
    assert COOKIE not in http.cookies


def test_a_token_signed_by_somebody_else_opens_nothing(http: httpx.Client, provider: Provider) -> None:
    provider.signs_with = RSAKey.generate_key(2048, {"kid": "k1"})
    assert http.get("/console/oidc", follow_redirects=True).status_code == 401


def test_a_stranger_is_told_which_subject_to_add(http: httpx.Client, provider: Provider) -> None:
    provider.subject = "subject-2"
    answer = http.get("/console/oidc", follow_redirects=True)
    assert answer.status_code == 401
    assert "subject-2" in answer.text


def test_an_answer_to_another_browser_s_question_is_refused(http: httpx.Client, stack: Stack) -> None:
    with httpx.Client(base_url=stack.url) as other:
        stolen = httpx.get(other.get("/console/oidc").headers["location"]).headers["location"]
    http.get("/console/oidc")
    assert http.get(stolen).status_code == 401
    http.cookies.clear()
    assert http.get(stolen).status_code == 401
