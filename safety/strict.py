"""What every part of the policy file has in common."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

RuleId = Annotated[str, StringConstraints(pattern=r"^[a-z_]+(\.[a-z_]+)+$")]
Severity = Literal[0, 2, 4, 6]


class Strict(BaseModel):
    """A part of the policy file: what it does not know, it refuses."""

    # A threshold that is no number would never be crossed.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
