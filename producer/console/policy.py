"""/console/policy: past decisions made again under another policy, and what would differ."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, Request, UploadFile
from fastapi.responses import HTMLResponse

from producer.console.pages import page
from producer.console.session import OfficeDep, ReadingLead, WritingLead
from producer.moderation.office import Office
from producer.replay import difference, replay
from safety.errors import PolicyError
from safety.policy import Policy, load_policy

router = APIRouter(prefix="/policy")

_SHOWN = 500


@router.get("")
def form(request: Request, office: OfficeDep, _moderator: ReadingLead) -> HTMLResponse:
    """The form."""
    return _page(request, office)


@router.post("")
def make_again(
    request: Request,
    office: OfficeDep,
    _moderator: WritingLead,
    file: UploadFile,
    limit: Annotated[int, Form(ge=1, le=5000)] = 1000,
) -> HTMLResponse:
    """What would differ among the newest decisions. Nothing is changed, and the file is not kept."""
    try:
        policy = _loaded(file.file.read())
    except PolicyError as problem:
        return _page(request, office, 422, problem=str(problem))
    found = difference(replay(office.audit.latest(since=None, limit=limit), policy))
    return _page(request, office, label=policy.label, found=found)


def _page(request: Request, office: Office, status: int = 200, **values: object) -> HTMLResponse:
    shown = {"current": office.policy, "label": None, "found": None, "problem": None, "shown": _SHOWN, **values}
    return page(request, "policy.html", status=status, **shown)


def _loaded(data: bytes) -> Policy:
    """The policy in an uploaded file, with the packaged word lists. Raises PolicyError, with the line."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "policy.yaml"
        path.write_bytes(data)
        try:
            return load_policy(path)
        except PolicyError as problem:
            raise PolicyError(str(problem).replace(str(path), "the file"), problem.line) from problem
