"""What every part of the policy file has in common."""

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A part of the policy file: what it does not know, it refuses."""

    model_config = ConfigDict(extra="forbid", frozen=True)
