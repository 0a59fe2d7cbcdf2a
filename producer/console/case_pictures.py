"""/console/cases/{id}/pictures/{which}: the only way to a picture in quarantine."""

from __future__ import annotations

from fastapi import APIRouter, Response

from producer.console.fields import Seen
from producer.console.session import OfficeDep, Reading
from producer.moderation.pictures import clear as as_it_is
from producer.moderation.pictures import veiled

router = APIRouter()

# A picture that a caller sent must not run anything, whatever it is.
_HEADERS = {"Content-Security-Policy": "default-src 'none'; sandbox", "Cache-Control": "no-store"}


@router.get("/cases/{case_id}/pictures/{which}")
def picture(office: OfficeDep, case: Seen, which: str, moderator: Reading, clear: bool = False) -> Response:
    """The picture: grey and without detail, or as it is for whoever holds the case and revealed it."""
    office.access.check_picture(case, moderator, which, clear=clear)
    job = office.jobs.get(case.job_id)
    shown = (as_it_is if clear else veiled)(job, which, office.objects)
    return Response(shown.data, media_type=shown.content_type, headers=_HEADERS)
