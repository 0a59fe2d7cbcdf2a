"""/console/oidc: signing in by the operator's own provider of accounts."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException

from producer.console.pages import page
from producer.console.session import OfficeDep, begin, is_https
from producer.moderation.oidc import Attempt, Oidc, OidcFailed

router = APIRouter(prefix="/oidc")

COOKIE, _SECONDS = "inpaintd_oidc", 600


@router.get("")
def leave(request: Request) -> RedirectResponse:
    """Sends the browser to the provider."""
    address, attempt = _oidc(request).begin(_back(request))
    response = RedirectResponse(address, 303)
    # Lax, not strict: the provider's answer comes from another site.
    response.set_cookie(
        COOKIE,
        attempt.as_text(),
        max_age=_SECONDS,
        path="/console/oidc",
        secure=is_https(request),
        httponly=True,
        samesite="lax",
    )
    return response


@router.get("/back")
def back(
    request: Request,
    office: OfficeDep,
    code: Annotated[str, Query(max_length=2000)] = "",
    state: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Where the provider sends the browser back to."""
    provider = _oidc(request)
    attempt = Attempt.from_text(request.cookies.get(COOKIE, ""))
    subject = provider.finish(attempt, _back(request), code, state)
    account = office.moderators.of_subject(subject)
    if account is None or account.disabled_at is not None:
        raise OidcFailed(f"No account belongs to the subject {subject!r}. An admin adds it: inpaintd moderators add.")
    # A page and no redirect: a strict cookie would not be sent along on the way from the provider.
    response: HTMLResponse = page(request, "signed_in.html")
    begin(request, response, office, account)
    response.delete_cookie(COOKIE, path="/console/oidc")
    return response


def _oidc(request: Request) -> Oidc:
    provider = cast(Oidc | None, request.app.state.oidc)
    if provider is None:
        raise HTTPException(404)
    return provider


def _back(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}/console/oidc/back"
