"""/console/record: what people did, how the chain of records ends, and all of it to take away."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, StreamingResponse

from producer.console.pages import page
from producer.console.session import OfficeDep, ReadingLead
from producer.moderation.export import export, reviewed
from storage.errors import AuditHeadMissing

router = APIRouter(prefix="/record")

_NEWEST = 500
_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}


@router.get("")
def latest(request: Request, office: OfficeDep, _moderator: ReadingLead) -> HTMLResponse:
    """People's actions among the newest records, and the end of the chain."""
    try:
        head = office.audit.head()
    except AuditHeadMissing:
        head = None
    rows = list(reviewed(office.audit.latest(since=None, limit=_NEWEST)))
    return page(request, "record.html", rows=rows, head=head, unsealed=office.audit.unsealed(), newest=_NEWEST)


@router.get("/export")
def take_away(
    office: OfficeDep, _moderator: ReadingLead, kind: Annotated[str, Query(pattern="^(csv|jsonl)$")] = "csv"
) -> StreamingResponse:
    """Every sealed record of a person's action."""
    headers = {"Content-Disposition": f'attachment; filename="inpaintd-review.{kind}"'}
    return StreamingResponse(export(office.audit, kind), media_type=_TYPES[kind], headers=headers)
