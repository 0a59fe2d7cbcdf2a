"""The shape of the policy's section on the invisible mark and the visible label."""

from enum import StrEnum

from pydantic import Field

from safety.label_schema import Label
from safety.strict import Strict
from safety.watermark import SMALLEST_SIDE


class Scope(StrEnum):
    """What of a result carries the mark: all of it, or what was repainted."""

    FRAME = "frame"
    EDIT = "edit"


class Unmarked(StrEnum):
    """What is done with a result that is too small for a mark."""

    REFUSE = "refuse"
    REVIEW = "review"
    CREDENTIALS_ONLY = "credentials_only"


class Marking(Strict):
    """Where the mark lies, the smallest side in pixels that it is laid into, and what is done below that.

    What is smaller is not made at all, or it leaves with credentials only, at once or after a person's review, and a
    finding of `category` says so. A `label` is drawn into every result before it is marked.
    """

    scope: Scope = Scope.FRAME
    smallest_side: int = Field(default=SMALLEST_SIDE, ge=SMALLEST_SIDE, le=4096)
    below_smallest: Unmarked = Unmarked.REFUSE
    category: str = "unmarked"
    label: Label | None = None
