"""/console/sign-in and /console/sign-out."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse

from producer.api.address_limit import AddressLimit
from producer.console.pages import onward, page
from producer.console.session import (
    OfficeDep,
    Writing,
    begin,
    check_before,
    end,
    remember_before,
    token_before,
)
from producer.errors import ComeAgain
from producer.moderation.sign_in import sign_in

router = APIRouter()

HOME = "/console/"
_WRONG = "Name and password do not fit, or there were too many tries: check them, and wait a minute."


@router.get("/sign-in")
def form(request: Request) -> HTMLResponse:
    """The form to sign in."""
    return _form(request)


@router.post("/sign-in")
def enter(
    request: Request,
    office: OfficeDep,
    name: Annotated[str, Form(max_length=200)],
    password: Annotated[str, Form(max_length=1000)],
    csrf: Annotated[str, Form()] = "",
) -> Response:
    """Signs in. Whatever is wrong, the answer is the same."""
    check_before(request, csrf)
    try:
        cast(AddressLimit, request.app.state.sign_ins).admit(request.client.host if request.client else "")
    except ComeAgain:
        return _form(request, _WRONG)
    account = sign_in(office.moderators, name, password)
    if account is None:
        return _form(request, _WRONG)
    response = onward(HOME)
    begin(request, response, office, account)
    return response


@router.post("/sign-out")
def leave(request: Request, office: OfficeDep, _moderator: Writing) -> Response:
    """Signs out."""
    response = onward("/console/sign-in")
    end(request, response, office)
    return response


def _form(request: Request, problem: str | None = None) -> HTMLResponse:
    token = token_before(request)
    status = 200 if problem is None else 401
    has_oidc = request.app.state.oidc is not None
    response = page(request, "sign_in.html", status=status, before=token, problem=problem, has_oidc=has_oidc)
    remember_before(request, response, token)
    return response
