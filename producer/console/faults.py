"""Every foreseen exception as a page that says what to do."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Scope

from producer.console.pages import onward, page
from producer.console.session import FormRefused, SignInNeeded
from producer.errors import NotAllowed, NotAppealable, NotHeld
from producer.moderation.oidc import OidcFailed
from storage.errors import (
    CaseLost,
    CaseNotFound,
    DatabaseUnavailable,
    JobNotFound,
    ObjectMissing,
    ObjectStoreUnavailable,
)

_SAID: dict[type[Exception], tuple[int, str]] = {
    FormRefused: (403, "This form cannot be taken"),
    OidcFailed: (401, "Not signed in"),
    NotAllowed: (403, "Not allowed"),
    CaseLost: (409, "The case is not yours"),
    CaseNotFound: (404, "No such case"),
    JobNotFound: (404, "No such job"),
    NotHeld: (409, "Nothing to decide any more"),
    NotAppealable: (409, "Nothing to change any more"),
    ObjectMissing: (404, "The picture is gone"),
}
_AWAY = (503, "Not reachable", "The database or the store of pictures does not answer. Try again in a few seconds.")


def install(app: FastAPI) -> None:
    """Registers a handler for each kind of exception."""
    app.add_exception_handler(SignInNeeded, to_sign_in)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    for kind in _SAID:
        app.add_exception_handler(kind, _said)
    for away in (DatabaseUnavailable, ObjectStoreUnavailable):
        app.add_exception_handler(away, _unavailable)


def unforeseen(scope: Scope) -> ASGIApp:
    """The page for errors that nobody foresaw; the log has the rest."""
    text = "Something went wrong on our side. Try again; tell the operator if it stays."
    return _page(Request(scope), 500, "An error", text)


def to_sign_in(request: Request, _error: Exception) -> Response:
    """Where somebody without a session is led."""
    if request.headers.get("hx-request") == "true":
        # A part of a page cannot become the form to sign in: the whole page goes there.
        return Response(status_code=204, headers={"HX-Redirect": "/console/sign-in"})
    return onward("/console/sign-in")


def _said(request: Request, error: Exception) -> Response:
    status, title = _SAID[type(error)]
    return _page(request, status, title, _sentence(str(error)))


def _http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    title = {404: "No such page", 405: "Not this way"}.get(status, "Not a valid request")
    return _page(request, status, title, "Go back to the queues and follow the links from there.")


def _invalid(request: Request, error: Exception) -> Response:
    wrong = error.errors() if isinstance(error, RequestValidationError) else []
    fields = ", ".join(dict.fromkeys(str(one["loc"][-1]) for one in wrong))
    return _page(request, 422, "The form is not complete", f"Go back and correct: {fields}.")


def _unavailable(request: Request, _error: Exception) -> Response:
    return _page(request, *_AWAY)


def _page(request: Request, status: int, title: str, text: str) -> Response:
    return page(request, "fault.html", status=status, title=title, text=text)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
