"""/console/banks: known pictures, whose copies the policy refuses or holds."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse

from producer.console.fields import Words
from producer.console.pages import onward, page
from producer.console.session import OfficeDep, ReadingLead, WritingLead
from producer.errors import NotAllowed

router = APIRouter(prefix="/banks")

_SHOWN = 200
_ENTRY = re.compile(r"hbe_[0-9a-z]{26}")
BankName = Annotated[str, Form(pattern=r"^[a-z0-9_-]{1,40}$")]


@router.get("")
def show(
    request: Request,
    office: OfficeDep,
    _moderator: ReadingLead,
    bank: Annotated[str, Query(pattern=r"^[a-z0-9_-]{0,40}$")] = "",
    added: int | None = None,
) -> HTMLResponse:
    """The banks, and the newest pictures of one of them."""
    entries = office.banks.newest(bank, _SHOWN) if bank else []
    sizes = office.bank_keeping.sizes()
    return page(request, "banks.html", sizes=sizes, bank=bank, entries=entries, shown=_SHOWN, added=added)


@router.post("/add")
def add(
    office: OfficeDep, moderator: WritingLead, bank: BankName, why: Words, files: list[UploadFile]
) -> RedirectResponse:
    """Adds pictures by their hashes."""
    pictures = [file.file.read() for file in files]
    return _to(bank, office.bank_keeping.add(moderator, bank, pictures, why))


@router.post("/import")
def import_csv(
    office: OfficeDep, moderator: WritingLead, bank: BankName, why: Words, file: UploadFile
) -> RedirectResponse:
    """Adds hashes out of a CSV file."""
    return _to(bank, office.bank_keeping.import_csv(moderator, bank, file.file.read(), why))


@router.post("/remove")
def remove(
    office: OfficeDep, moderator: WritingLead, entry: Annotated[str, Form()], bank: BankName, why: Words
) -> RedirectResponse:
    """Takes a picture out of its bank."""
    if not _ENTRY.fullmatch(entry):
        raise NotAllowed("This picture is in no bank.")
    office.bank_keeping.remove(moderator, entry, why)
    return onward(f"/console/banks?bank={bank}")


def _to(bank: str, added: int) -> RedirectResponse:
    return onward(f"/console/banks?bank={bank}&added={added}")
