"""The problems of the native interface, told on a page: the same sentences, the same status."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request, Response

from producer.api import faults
from producer.console.faults import to_sign_in
from producer.console.pages import page
from producer.console.session import FormRefused, SignInNeeded
from producer.console.try_visitor import NotHere
from producer.errors import NotAllowed

_FORBIDDEN: dict[type[Exception], str] = {
    FormRefused: "This form cannot be taken",
    NotAllowed: "Not allowed",
    NotHere: "Open on this machine only",
}


def install(app: FastAPI) -> None:
    """Registers a handler for each kind of exception."""
    faults.install(app)
    for kind, handler in list(app.exception_handlers.items()):
        app.add_exception_handler(kind, _told(handler))
    for kind in _FORBIDDEN:
        app.add_exception_handler(kind, _forbidden)
    app.add_exception_handler(SignInNeeded, to_sign_in)


def _told(handler: Callable[..., Any]) -> Callable[[Request, Exception], Response]:
    def tell(request: Request, error: Exception) -> Response:
        answer: Response = handler(request, error)
        problem = json.loads(bytes(answer.body))
        sentences = [_sentence(**entry) for entry in problem.get("errors", ())] or [problem["detail"]]
        shown = _page(request, answer.status_code, problem["title"], sentences)
        if "retry-after" in answer.headers:
            shown.headers["Retry-After"] = answer.headers["retry-after"]
        return shown

    return tell


def _sentence(field: str, code: str, detail: str) -> str:  # noqa: ARG001  (as problems have it)
    return detail if field in detail.lower() else f"{field}: {detail}"


def _forbidden(request: Request, error: Exception) -> Response:
    return _page(request, 403, _FORBIDDEN[type(error)], [str(error)])


def _page(request: Request, status: int, title: str, sentences: list[str]) -> Response:
    return page(request, "try/fault.html", status=status, title=title, sentences=sentences)
