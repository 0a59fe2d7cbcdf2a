"""/console/: the queues, how many cases wait in each, and for how long."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from producer.console.pages import page
from producer.console.session import OfficeDep, Reading

router = APIRouter()


@router.get("/")
def home(request: Request, office: OfficeDep, moderator: Reading) -> HTMLResponse:
    """The queues that the moderator sees."""
    waiting = office.cases.waiting()
    queues = [(name, waiting.get(name, 0)) for name in office.decisions.queues(moderator)]
    return page(request, "queues.html", queues=queues)


@router.get("/keys")
def keys(request: Request, _moderator: Reading) -> HTMLResponse:
    """What the keyboard does; `?` shows the same over any page."""
    return page(request, "keys.html")
