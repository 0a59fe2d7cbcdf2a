"""Fields of forms and addresses that several pages have."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Form, Path
from pydantic import AfterValidator

from producer.console.session import OfficeDep, Reading, Writing
from storage.case import Case
from storage.errors import CaseNotFound

_CASE = re.compile(r"case_[0-9a-z]{26}")


def _plain(text: str) -> str:
    if "\0" in text:
        raise ValueError("NUL characters cannot be kept")
    return text.strip()


def _case_id(case_id: Annotated[str, Path()]) -> str:
    # Anything else cannot be a case, and some of it (NUL) a database does not even take as a question.
    if not _CASE.fullmatch(case_id):
        raise CaseNotFound(f"there is no case {case_id[:40]!r}")
    return case_id


CaseId = Annotated[str, Depends(_case_id)]
Plain = AfterValidator(_plain)
Note = Annotated[str, Form(max_length=2000), Plain]
"""A moderator's own words, which may be empty."""
Words = Annotated[str, Form(min_length=1, max_length=300), Plain]
"""A moderator's own words, which may not."""
LeaseNo = Annotated[int, Form(ge=0)]


def _seen(case_id: CaseId, office: OfficeDep, moderator: Reading) -> Case:
    return office.access.case(case_id, moderator)


def _handled(case_id: CaseId, office: OfficeDep, moderator: Writing) -> Case:
    return office.access.case(case_id, moderator)


Seen = Annotated[Case, Depends(_seen)]
"""The case of an address, for a moderator who may look at its page."""
Handled = Annotated[Case, Depends(_handled)]
"""The same for one who sends a form."""
