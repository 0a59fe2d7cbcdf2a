"""Who is at the try page: a moderator who has signed in, or a browser on this very machine. No page holds a key."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Annotated

from fastapi import Depends, Request, Response

from producer.api.dependencies import ServicesDep
from producer.console.session import FormRefused, OfficeDep, check_origin, session_of, set_cookie
from producer.errors import NotAllowed, ProducerError
from producer.moderation.office import Office
from producer.services import Services
from producer.settings import TryPage
from storage.errors import JobNotFound
from storage.job import Job
from storage.moderator_store import Role

TENANT = "try"
COOKIE = "inpaintd_try"
_COOKIE_SECONDS = 30 * 86_400
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_HERE = re.compile(r"localhost|127\.0\.0\.1|\[?::1\]?")


class NotHere(ProducerError):
    """Somebody on another machine asks for a page that is open on this one."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """One of those who try: sees the jobs sent under `user`, and no others. Every form carries `csrf`.

    `token` is the cookie of a browser without a session, None for a moderator.
    """

    tenant_id: str
    user: str
    csrf: str
    token: str | None = None
    may_paint: bool = True

    def own(self, services: Services, job_id: str) -> Job:
        """A job of this visitor's. Raises JobNotFound, also for somebody else's."""
        job = services.reader.get(job_id, self.tenant_id)
        if job.user != services.submitter.pseudonym(self.tenant_id, self.user):
            raise JobNotFound(f"there is no job {job_id} of this visitor")
        return job

    def check(self, request: Request, csrf: str) -> None:
        """Raises FormRefused unless the form was made for this visitor, NotAllowed for an auditor's."""
        check_origin(request)
        if not secrets.compare_digest(csrf.encode(), self.csrf.encode()):
            raise FormRefused("This form was not made for this browser, or it is old. Load the page again.")
        if not self.may_paint:
            raise NotAllowed("Auditors read, and send nothing. Sign in with another role to try it.")

    def remember(self, request: Request, response: Response) -> None:
        """Gives a browser without a session its cookie."""
        if self.token is not None:
            set_cookie(request, response, COOKIE, self.token, _COOKIE_SECONDS)


def _visitor(request: Request, services: ServicesDep, office: OfficeDep) -> Visitor:
    if services.settings.try_page is TryPage.SIGNED_IN:
        return _moderator(request, services, office)
    _check_here(request)
    kept = request.cookies.get(COOKIE, "")
    token = kept if _TOKEN.fullmatch(kept) else secrets.token_urlsafe(32)
    user = f"browser {_digest('user', token)}"
    return Visitor(_tenant(request, services), user, _digest("csrf", token), token)


VisitorDep = Annotated[Visitor, Depends(_visitor)]


def _moderator(request: Request, services: Services, office: Office) -> Visitor:
    session = session_of(request, office)
    name, role = session.moderator.name, session.moderator.role
    return Visitor(_tenant(request, services), f"moderator {name}", session.csrf, may_paint=role is not Role.AUDITOR)


def _tenant(request: Request, services: Services) -> str:
    state = request.app.state
    if state.tenant_id is None:
        state.tenant_id = services.keys.create_tenant(TENANT)
    tenant_id: str = state.tenant_id
    return tenant_id


def _check_here(request: Request) -> None:
    # The name as well: a page elsewhere can give its own name the address of this machine. And whatever came by way of
    # a proxy did not begin here, or says so itself, which a proxy that is trusted would make look like an address.
    forwarded = any(name in request.headers for name in ("forwarded", "x-forwarded-for"))
    if forwarded or not _is_loopback(request) or not _HERE.fullmatch(request.url.hostname or ""):
        raise NotHere(
            "This page is open to browsers on the machine of the service alone, by its own address. "
            "Elsewhere, have the operator set INPAINTD_TRY=signed-in, or use the API with a key."
        )


def _is_loopback(request: Request) -> bool:
    try:
        address = ip_address(request.client.host if request.client else "")
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def _digest(purpose: str, token: str) -> str:
    return hashlib.sha256(f"{purpose} {token}".encode()).hexdigest()[:32]
