"""Who gets in, and what every answer of the console bears."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from producer.console.app import ROUTERS
from producer.console.headers import HEADERS
from producer.console.session import COOKIE
from storage.ids import new_id
from storage.moderator_store import FREE_FAILURES, Role
from tests.contract.console.desk import PASSWORD, Console, token_in

OPEN = {"/sign-in", "/oidc", "/oidc/back"}
"""What needs no session."""


def routes() -> list[tuple[str, str]]:
    """Every method and path of the console, ids filled in with ones that do not exist."""
    found = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    return [(method, filled(route.path)) for route in found for method in route.methods]


def filled(path: str) -> str:
    path = path.replace("{which}", "input")
    return re.sub(r"\{(\w+)_id\}", lambda found: new_id(found[1]), path)


def asked(http: httpx.Client, method: str, path: str, **fields: Any) -> httpx.Response:
    return http.request(method, f"/console{path}", data=fields if method == "POST" else None)


def test_every_answer_bears_the_headers_whoever_asks(console: Console) -> None:
    lead, stranger = console.browser("lea", Role.ADMIN), console.stranger("ada")
    extra = [("GET", "/nothing"), ("GET", "/static/nothing.js"), ("DELETE", "/cases")]
    for method, path in [*routes(), *extra]:
        for browser in (lead, stranger):
            answer = asked(browser.http, method, path, csrf="forged")
            assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, (method, path)
            assert answer.headers["cache-control"] == "no-store" or path.startswith("/static"), (method, path)
            assert answer.status_code < 500, (method, path)


def test_no_page_is_for_strangers(console: Console) -> None:
    stranger = console.stranger("ada")
    for method, path in routes():
        if path not in OPEN:
            answer = asked(stranger.http, method, path, csrf="x")
            assert (answer.status_code, answer.headers.get("location")) == (303, "/console/sign-in"), (method, path)


def test_a_forged_form_is_refused_by_every_route(console: Console) -> None:
    ada, bea = console.browser("ada", Role.ADMIN), console.browser("bea", Role.ADMIN)
    forms = [path for method, path in routes() if method == "POST" and path not in OPEN]
    for path in forms:
        for fields in ({}, {"csrf": "forged"}, {"csrf": bea.csrf}):
            answer = asked(ada.http, "POST", path, **fields)
            assert answer.status_code == 403, (path, fields)
            assert "form" in answer.text


def test_a_form_from_another_site_is_refused_even_with_the_token(console: Console) -> None:
    ada = console.browser("ada")
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert ada.http.post("/console/next", data={"csrf": ada.csrf}, headers=headers).status_code == 403
    headers = {"Sec-Fetch-Site": "same-origin"}
    assert ada.http.post("/console/next", data={"csrf": ada.csrf}, headers=headers).status_code == 303
    assert ada.http.post("/console/next", headers={"X-CSRF-Token": ada.csrf}).status_code == 303, "as htmx sends it"


def test_an_auditor_reads_everything_and_decides_nothing(console: Console) -> None:
    job = console.office.held_request()
    (case,) = console.office.cases.of_job(job.id)
    eve = console.browser("eve", Role.AUDITOR)
    assert eve.get(f"cases/{case.id}").status_code == 200
    assert eve.get(f"cases/{case.id}/pictures/input").status_code == 200, "veiled"
    assert eve.get(f"cases/{case.id}/pictures/input", clear=True).status_code == 409
    for path in ("next", f"cases/{case.id}/take", f"cases/{case.id}/undo"):
        assert eve.send(path, note="x").status_code == 403, path
    fields = {"lease_no": 0, "choice": "approve", "reason": "context", "note": "x"}
    assert eve.send(f"cases/{case.id}/decide", **fields).status_code == 403


def test_signing_in_and_out(console: Console) -> None:
    ada = console.stranger("ada")
    answer = ada.sign_in()
    cookie = answer.headers.get_list("set-cookie")[-1]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert ada.get().status_code == 200
    before = ada.http.cookies[COOKIE]
    assert "Sign in" in ada.send("sign-out").text
    ada.http.cookies.set(COOKIE, before)
    assert "Sign in" in ada.get().text, "the session is over, not only forgotten"


def test_behind_a_proxy_that_speaks_https_cookies_are_secure(console: Console) -> None:
    ada = console.stranger("ada")
    plain = ada.http.get("/console/sign-in")
    assert "Secure" not in plain.headers["set-cookie"]
    assert "strict-transport-security" not in plain.headers, "no promise that plain HTTP cannot keep"
    page = ada.http.get("/console/sign-in", headers={"X-Forwarded-Proto": "https"})
    assert "Secure" in page.headers["set-cookie"]
    assert page.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize("name", ["ada", "nobody", "gone", "odd\0name"])
def test_whatever_is_wrong_at_the_door_looks_alike(console: Console, name: str) -> None:
    console.stranger("ada")
    console.stranger("gone")
    console.office.moderators.change("gone", disabled=True)
    stranger = console.stranger("ada")
    tried = "wrong password, long enough" if name != "gone" else PASSWORD
    token = token_in(stranger.http.get("/console/sign-in").text)
    answer = stranger.http.post("/console/sign-in", data={"name": name, "password": tried, "csrf": token})
    assert answer.status_code == 401
    assert "Name and password do not fit, or there were too many tries" in answer.text
    assert COOKIE not in answer.cookies


def test_after_failures_in_a_row_even_the_right_password_waits(console: Console) -> None:
    ada = console.stranger("ada")
    account = console.office.moderators.named("ada")
    for _ in range(FREE_FAILURES + 4):
        console.office.moderators.note_sign_in(account, good=False)
        account = console.office.moderators.named("ada")
    assert account.is_barred
    assert ada.sign_in().status_code == 401


def test_a_form_to_sign_in_belongs_to_its_browser(console: Console) -> None:
    ada, other = console.stranger("ada"), console.stranger("ada")
    token = token_in(other.http.get("/console/sign-in").text)
    ada.http.get("/console/sign-in")
    answer = ada.http.post("/console/sign-in", data={"name": "ada", "password": PASSWORD, "csrf": token})
    assert answer.status_code == 403


def test_a_change_of_the_account_ends_its_sessions(console: Console) -> None:
    ada = console.browser("ada")
    console.office.moderators.change("ada", role=Role.AUDITOR)
    assert "Sign in" in ada.get().text
