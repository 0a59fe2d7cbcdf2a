"""Bodies of which a dialect reads the fields itself."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends
from pydantic import RootModel

from producer.api.bodies import body_of


class JsonObject(RootModel[dict[str, Any]]):
    """A JSON object; `root` are its fields."""


JsonBody = Annotated[JsonObject, Depends(body_of(JsonObject))]
