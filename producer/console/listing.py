"""What the list of cases shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from pydantic import BaseModel, BeforeValidator, Field

from producer.moderation.office import Office
from storage.case import Case, CaseKind, CaseState
from storage.case_store import CaseFilter
from storage.errors import CaseNotFound
from storage.moderator_store import Moderator

PAGE = 50


def unset(value: object) -> object:
    """None for an empty field of a form."""
    return None if value == "" else value


class ListQuery(BaseModel):
    """The filters, as the form sends them: an empty field does not narrow. `q` is the id of a job or a case."""

    q: Annotated[str, Field(max_length=40, pattern=r"^\s*[0-9a-z_]*\s*$")] = ""
    queue: Annotated[str | None, Field(max_length=40), BeforeValidator(unset)] = None
    state: Annotated[CaseState | None, BeforeValidator(unset)] = None
    kind: Annotated[CaseKind | None, BeforeValidator(unset)] = None
    category: Annotated[str | None, Field(max_length=60, pattern=r"^[^\x00]*$"), BeforeValidator(unset)] = None
    tenant: Annotated[str | None, Field(max_length=40, pattern=r"^[^\x00]*$"), BeforeValidator(unset)] = None
    cursor: Annotated[str | None, Field(pattern=r"^case_[0-9a-z]{26}$"), BeforeValidator(unset)] = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of cases; `more` is the query of the next one, None on the last."""

    cases: list[Case]
    more: str | None


def listed(office: Office, moderator: Moderator, query: ListQuery) -> Listed:
    """The cases that the moderator sees and that fit. Raises DatabaseUnavailable."""
    mine = office.decisions.queues(moderator)
    if query.q.strip():
        return Listed([case for case in _named(office, query.q.strip()) if case.queue in mine], None)
    queues = [name for name in mine if query.queue in (None, name)]
    only = CaseFilter(queues, query.state, query.kind, query.category, query.tenant)
    found = office.cases.page(only, limit=PAGE + 1, cursor=query.cursor)
    if len(found) <= PAGE:
        return Listed(found, None)
    there = query.model_dump(mode="json", exclude_none=True, exclude={"q", "cursor"})
    return Listed(found[:PAGE], urlencode(there | {"cursor": found[PAGE - 1].id}))


def _named(office: Office, name: str) -> list[Case]:
    if not name.startswith("case_"):
        return office.cases.of_job(name)
    try:
        return [office.cases.get(name)]
    except CaseNotFound:
        return []
