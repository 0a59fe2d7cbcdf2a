"""Templates, and how a page is made of one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from producer.console.navigation import links
from producer.settings import TryPage
from safety.reasons import SENTENCES, Approval, Rejection
from storage.moderator_store import Session

_templates = Environment(
    loader=FileSystemLoader(str(files("producer.console").joinpath("templates"))),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """The page that `templates/<template>` makes of `values`; without a session it shows no navigation."""
    session: Session | None = getattr(request.state, "session", None)
    common = {
        "path": request.url.path,
        "moderator": None if session is None else session.moderator,
        "csrf": "" if session is None else session.csrf,
        "try_it": request.app.state.services.settings.try_page is not TryPage.OFF,
        "links": [] if session is None else links(session.moderator.role),
        "is_part": request.headers.get("hx-request") == "true",
    }
    return HTMLResponse(_templates.get_template(template).render(common | values), status)


def onward(path: str) -> RedirectResponse:
    """After a form: the page to look at next, so that loading it again repeats nothing."""
    return RedirectResponse(path, 303)


def _moment(at: datetime | None) -> str:
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _span(seconds: float) -> str:
    """A length of time in its largest unit: `40 s`, `12 min`, `5 h`, `3 d`."""
    for unit, size in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if abs(seconds) >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _named(code: str) -> str:
    """A code of the policy or of a decision as words: `hate_stereotype` is `hate stereotype`."""
    return code.replace("_", " ")


def _because(code: str) -> str:
    """The sentence of a reason's code, as callers and moderators read it."""
    reasons: dict[str, Approval | Rejection] = {**{r.value: r for r in Approval}, **{r.value: r for r in Rejection}}
    return SENTENCES[reasons[code]] if code in reasons else code


def _picture(name: str) -> str:
    """What a picture of a case is called: `result-0` is `Result 1`."""
    kind, _, index = name.partition("-")
    return f"{kind.capitalize()} {int(index) + 1}" if index else kind.capitalize()


def _readable(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


_templates.filters |= {"moment": _moment, "span": _span, "readable": _readable}
_templates.filters |= {"named": _named, "picture": _picture, "because": _because}
