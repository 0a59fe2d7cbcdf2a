"""What the detector says about a picture: shapes, and the sentences that people read. Knows no database and no file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from safety.manifest import Credentials

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Shape:
    """How a picture lies against the one on record: its size, 1 for unchanged; degrees clockwise, after mirroring."""

    size: float
    degrees: float
    mirrored: bool


@dataclass(frozen=True, slots=True)
class FoundMark:
    """An invisible watermark of this service, and how the picture was changed since, as far as it tells."""

    id: str
    key_id: str
    shape: Shape | None = None


@dataclass(frozen=True, slots=True)
class FoundCredentials:
    """Content credentials, either in the file itself or kept on record and found by the mark."""

    found_in: Literal["file", "record"]
    content: Credentials


@dataclass(frozen=True, slots=True)
class Origin:
    """When and by which model a picture was made; the job is told to its own tenant alone."""

    made_at: datetime
    model: dict[str, Any]
    job_id: str | None = None
    image_index: int | None = None


@dataclass(frozen=True, slots=True)
class Detection:
    """All that was found. `made_here` and `suspect` are None where that cannot be decided.

    `suspect` says that a mark, or credentials, of one picture lie on another. `repainted` are areas in pixels of the
    examined picture (left, top, right, bottom), which has `size`. `sentences` say all of it in words.
    """

    size: tuple[int, int]
    made_here: bool | None
    suspect: bool | None
    mark: FoundMark | None
    credentials: FoundCredentials | None
    origin: Origin | None
    repainted: tuple[Box, ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found, before anything is concluded from it.

    `looked` is whether the watermark could be looked for. `known` is whether the mark, or the id in the credentials,
    is on record, and `fits` whether the picture looks like the recorded one (None: cannot be told).
    """

    looked: bool
    mark: FoundMark | None
    credentials: FoundCredentials | None
    known: bool
    fits: bool | None

    @property
    def proven(self) -> bool:
        """Signed here, and not a bit changed since."""
        found = self.credentials
        return (
            found is not None and found.found_in == "file" and found.content.made_here and found.content.matches_pixels
        )

    @property
    def claimed(self) -> bool:
        """Something in the file says that it comes from here."""
        signed = self.credentials is not None and self.credentials.content.signed_here
        return self.mark is not None or signed


def suspicion(facts: Facts) -> bool | None:
    """Whether something of ours was moved onto another picture; None where that cannot be told."""
    if facts.proven or not facts.claimed:
        return False
    return None if facts.fits is None else not facts.fits


def origin_here(facts: Facts) -> bool | None:
    """Whether the picture was made here; None where that cannot be told."""
    if facts.proven:
        return True
    if facts.claimed:
        return facts.fits
    return False if facts.looked else None


def sentences(facts: Facts) -> tuple[str, ...]:
    """The findings in words."""
    return (_about_origin(facts), *_about_credentials(facts))


def _about_origin(facts: Facts) -> str:
    what = "an invisible mark of this service" if facts.mark else "content credentials signed by this service"
    if facts.proven:
        return "This picture was made here and has not been changed since."
    if not facts.claimed:
        lost = "a mark can be lost, so this is no proof that it was not made here"
        unseen = "whether it carries a mark could not be looked for"
        return f"Nothing of this service was found in the picture; {lost if facts.looked else unseen}."
    if facts.fits:
        return f"This picture was made here: it carries {what} and looks like the one on record."
    if facts.fits is False:
        return f"It carries {what}, but does not look like the picture they belong to: they were copied onto it."
    if facts.known:
        return f"It carries {what}, but cannot be compared well enough with the picture on record to tell a copied one."
    return f"It carries {what}, but nothing is on record about them any more, so a copied one could not be told."


def _about_credentials(facts: Facts) -> tuple[str, ...]:
    found = facts.credentials
    if found is None:
        return ("It has no content credentials.",)
    content = found.content
    whose = (
        "this service" if content.signed_here else f"{content.issuer or 'somebody unknown'}, who is not trusted here"
    )
    if found.found_in == "record":
        return (f"The file has no content credentials of its own; those on record for its mark are signed by {whose}.",)
    if content.matches_pixels and content.state != "Invalid":
        return (f"Its content credentials are signed by {whose}, and the file is the one that was signed.",)
    if content.matches_pixels or not content.signed_here:
        return ("Its content credentials are not valid: " + ", ".join(dict.fromkeys(content.problems)) + ".",)
    return ("Its content credentials are signed by this service, but the file was changed after it was signed.",)
