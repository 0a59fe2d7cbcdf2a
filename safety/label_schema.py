"""The shape of the policy's visible label."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from PIL import ImageFont
from pydantic import Field, StringConstraints, model_validator

from safety.strict import Strict


class Corner(StrEnum):
    """Where the label stands."""

    TOP_LEFT = "top-left"
    TOP_RIGHT = "top-right"
    BOTTOM_LEFT = "bottom-left"
    BOTTOM_RIGHT = "bottom-right"


class Label(Strict):
    """Words on every result, for whoever looks at it: white on black, in a corner.

    Capital letters are as high as `share` of the picture's short side; the China GB 45438 mark asks for 0.05 or more.
    Without `font`, a TrueType or OpenType file, the text is limited to what the built-in font has.
    """

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=24)]
    corner: Corner = Corner.BOTTOM_RIGHT
    share: float = Field(default=0.05, ge=0.05, le=0.2)
    font: Path | None = None

    @model_validator(mode="after")
    def _drawable(self) -> Self:
        if not self.text.isprintable():
            raise ValueError("text must be printable, on one line")
        if self.font is None and not self.text.isascii():
            raise ValueError("the built-in font has ASCII letters only; name a `font` file that has those of the text")
        if self.font is not None:
            try:
                ImageFont.truetype(self.font)
            except OSError as error:
                raise ValueError(f"the font {self.font} cannot be read: {error}") from error
        return self
