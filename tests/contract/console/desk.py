"""A console on a real server, moderators at browsers that are nothing but HTTP clients, and cases for them."""

from __future__ import annotations

import html
import re
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import httpx

from producer.console.session import COOKIE
from producer.moderation.passwords import hashed
from storage.moderator_store import Role
from tests.contract.api.serving import Stack
from tests.contract.moderation.office import Office

PASSWORD = "correct horse battery staple"


@lru_cache(maxsize=1)
def password_hash() -> str:
    """Hashed once, for that takes a while on purpose."""
    return hashed(PASSWORD)


@dataclass(frozen=True)
class Browser:
    """Somebody at a browser without scripts."""

    name: str
    http: httpx.Client
    csrf: str = ""

    def get(self, path: str = "", **query: Any) -> httpx.Response:
        """A page of the console, after whatever it leads on to."""
        return self.http.get(f"/console/{path}", params=query, follow_redirects=True)

    def send(self, path: str, **fields: Any) -> httpx.Response:
        """Sends a form with the token that the pages of this session carry, and returns what it leads on to."""
        return self.post(path, **{"csrf": self.token, **fields}, follow=True)

    def post(self, path: str, follow: bool = False, **fields: Any) -> httpx.Response:
        """Sends a form with these fields and nothing else."""
        return self.http.post(f"/console/{path}", data=fields, follow_redirects=follow)

    @property
    def token(self) -> str:
        """The token of this session's forms."""
        return self.csrf or token_in(self.get().text)

    def sign_in(self, password: str = PASSWORD) -> httpx.Response:
        """Signs in as a person would, from the form."""
        token = token_in(self.http.get("/console/sign-in").text)
        fields = {"name": self.name, "password": password, "csrf": token}
        return self.http.post("/console/sign-in", data=fields)

    def next(self) -> str:
        """Asks for the next case and returns its id."""
        answer = self.send("next")
        found = re.search(r"/console/cases/(case_\w+)$", answer.url.path)
        assert found, answer.text
        return found[1]


@dataclass(frozen=True)
class Console:
    """The console of a deployment, and beside it what moderators do without the web."""

    stack: Stack
    office: Office
    open: ExitStack = field(default_factory=ExitStack)

    def browser(self, name: str, role: Role = Role.REVIEWER) -> Browser:
        """Somebody with this role who has signed in; an account is made if there is none."""
        browser = self.stranger(name, role)
        token, session = self.office.moderators.open_session(self.office.moderators.named(name))
        browser.http.cookies.set(COOKIE, token)
        return replace(browser, csrf=session.csrf)

    def stranger(self, name: str, role: Role = Role.REVIEWER) -> Browser:
        """Somebody who has an account of this role, with PASSWORD, and has not signed in."""
        if name not in {one.name for one in self.office.moderators.all()}:
            self.office.moderators.add(name, role, password=password_hash())
        return Browser(name, self.open.enter_context(httpx.Client(base_url=self.stack.url, timeout=30)))


def token_in(page: str) -> str:
    """The token in the first form of a page."""
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found, page
    return html.unescape(found[1])


def lease_in(page: str) -> str:
    """The number of the lease in the forms of a case's page."""
    found = re.search(r'name="lease_no" value="(\d+)"', page)
    assert found, page
    return found[1]
