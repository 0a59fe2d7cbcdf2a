"""Who sits at the browser: a cookie for the session, a token in every form that changes something."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Annotated, cast

from fastapi import Depends, Form, Header, Request, Response

from producer.errors import NotAllowed, ProducerError
from producer.moderation.office import Office
from storage.moderator_store import LONGEST_SECONDS, Moderator, Role, Session

COOKIE, BEFORE = "inpaintd_session", "inpaintd_before_session"
_BEFORE_SECONDS = 3600


class SignInNeeded(ProducerError):
    """Nobody is signed in, or the session is over."""


class FormRefused(ProducerError):
    """A form that this session was not given: sent from elsewhere, or from before the last sign-in."""


def _office(request: Request) -> Office:
    return cast(Office, request.app.state.office)


OfficeDep = Annotated[Office, Depends(_office)]


def session_of(request: Request, office: OfficeDep) -> Session:
    """The session of this browser. Raises SignInNeeded."""
    token = request.cookies.get(COOKIE)
    session = None if token is None else office.moderators.session(token)
    if session is None:
        raise SignInNeeded("Sign in first.")
    request.state.session = session
    return session


SessionDep = Annotated[Session, Depends(session_of)]


def _moderator(session: SessionDep) -> Moderator:
    return session.moderator


def _writing(
    request: Request,
    session: SessionDep,
    csrf: Annotated[str, Form()] = "",
    x_csrf_token: Annotated[str, Header()] = "",
) -> Moderator:
    check_origin(request)
    if not secrets.compare_digest((x_csrf_token or csrf).encode(), session.csrf.encode()):
        raise FormRefused("This form was not made for this session. Load the page again and repeat what you did.")
    return session.moderator


Reading = Annotated[Moderator, Depends(_moderator)]
"""The moderator who asks for a page."""
Writing = Annotated[Moderator, Depends(_writing)]
"""The moderator who sends a form of the console, and nobody else on their behalf."""


def _among(who: Callable[..., Moderator], *roles: Role) -> Callable[..., Moderator]:
    # Not as an annotation: those are texts here, and FastAPI could not find `who` by its name.
    def check(moderator: Moderator = Depends(who)) -> Moderator:
        if moderator.role not in roles:
            allowed = " or ".join(roles)
            raise NotAllowed(f"This is for the role {allowed}; yours is {moderator.role}. Ask an admin for another.")
        return moderator

    return check


ReadingLead = Annotated[Moderator, Depends(_among(_moderator, Role.LEAD, Role.ADMIN, Role.AUDITOR))]
"""A lead, or an auditor, who reads what leads read."""
WritingLead = Annotated[Moderator, Depends(_among(_writing, Role.LEAD, Role.ADMIN))]
WritingAdmin = Annotated[Moderator, Depends(_among(_writing, Role.ADMIN))]


def begin(request: Request, response: Response, office: Office, moderator: Moderator) -> None:
    """Opens a new session in this browser; the one before it, if any, ends."""
    end(request, response, office)
    token, _ = office.moderators.open_session(moderator)
    set_cookie(request, response, COOKIE, token, int(LONGEST_SECONDS))


def end(request: Request, response: Response, office: Office) -> None:
    """Ends the session of this browser."""
    token = request.cookies.get(COOKIE)
    if token is not None:
        office.moderators.end_session(token)
    for name in (COOKIE, BEFORE):
        response.delete_cookie(name, path="/", secure=is_https(request), httponly=True, samesite="strict")


def token_before(request: Request) -> str:
    """What the form to sign in carries, since there is no session yet: the same as a cookie of its own."""
    return request.cookies.get(BEFORE) or secrets.token_urlsafe(32)


def remember_before(request: Request, response: Response, token: str) -> None:
    """Sets the cookie that belongs to `token_before`."""
    set_cookie(request, response, BEFORE, token, _BEFORE_SECONDS)


def check_before(request: Request, csrf: str) -> None:
    """Raises FormRefused unless the form to sign in was served to this very browser."""
    check_origin(request)
    kept = request.cookies.get(BEFORE, "")
    if not kept or not secrets.compare_digest(kept.encode(), csrf.encode()):
        raise FormRefused("This form was not made for this browser, or it is old. Load the page again.")


def check_origin(request: Request) -> None:
    """Raises FormRefused for a form that another site sent."""
    # Browsers say where a request comes from; what does not say so is judged by its token alone.
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise FormRefused("This form was sent from another site.")


def set_cookie(request: Request, response: Response, name: str, value: str, seconds: int) -> None:
    """Sets a cookie that no script reads and no other site makes a browser send."""
    response.set_cookie(
        name, value, max_age=seconds, path="/", secure=is_https(request), httponly=True, samesite="strict"
    )


def is_https(request: Request) -> bool:
    """Whether cookies may be kept to HTTPS."""
    return request.url.scheme == "https"
