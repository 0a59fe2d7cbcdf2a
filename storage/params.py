"""What a caller may ask of an inpainting job: one schema and one set of defaults for API, client and command line."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator

from storage.aliases import MAX_ALIAS_CHARS, MODEL_ALIAS

MAX_SEED = 2**32 - 1
MAX_WORKING_SIDE = 1024
WORKING_SIDE_STEP = 8
"""Side of a latent cell in pixels: working sizes are multiples of it."""
MAX_CLIP_SKIP = 11
MAX_PROMPT_CHARS = 4000


class MaskChannel(StrEnum):
    """Where the mask is read from: its brightness, its alpha, or whichever of the two carries information."""

    AUTO = "auto"
    LUMA = "luma"
    ALPHA = "alpha"


class Blend(StrEnum):
    """Which side of the mask's edge the feather lies on."""

    OUTWARD = "outward"
    INWARD = "inward"
    HARD = "hard"


class Area(StrEnum):
    """Which part of the image the model sees: all of it, or the mask's surroundings at full working size."""

    AUTO = "auto"
    WHOLE = "whole"
    MASKED = "masked"


class PromptSyntax(StrEnum):
    """How brackets in a prompt are read: as text, or as weights, in the manner of AUTOMATIC1111's web UI."""

    PLAIN = "plain"
    A1111 = "a1111"


class LongPrompt(StrEnum):
    """What happens to a prompt of more than 75 tokens."""

    CHUNK = "chunk"
    TRUNCATE = "truncate"
    REJECT = "reject"


class SchedulerName(StrEnum):
    """Samplers on offer, by the names of their diffusers classes; `default` is the checkpoint's own."""

    DEFAULT = "default"
    DDIM = "ddim"
    PNDM = "pndm"
    EULER = "euler"
    EULER_ANCESTRAL = "euler_ancestral"
    DPMPP_2M = "dpmpp_2m"
    UNIPC = "unipc"
    LCM = "lcm"


class MaskedContent(StrEnum):
    """What lies under the mask before denoising starts, where `strength` below 1 lets that matter.

    The picture itself, the colours around the mask, latent noise, or latent zeros.
    """

    ORIGINAL = "original"
    FILL = "fill"
    NOISE = "noise"
    BLANK = "blank"


class ColorMatch(StrEnum):
    """Whether the repainted region gets the distribution of colours that its surroundings have."""

    NONE = "none"
    HISTOGRAM = "histogram"


class OutputFormat(StrEnum):
    """Encodings of a result."""

    PNG = "png"
    WEBP = "webp"
    JPEG = "jpeg"

    @property
    def content_type(self) -> str:
        """The media type of this format."""
        return f"image/{self.value}"


class OutputParams(BaseModel):
    """How results are encoded. `quality` is 1 to 100."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: OutputFormat = Field(OutputFormat.PNG, description="PNG is exact; JPEG has no alpha.")
    quality: Annotated[int, Field(ge=1, le=100)] = Field(95, description="Of webp and jpeg.")
    keep_icc: bool = Field(True, description="Keep the input's colour profile.")
    keep_metadata: bool = Field(
        False,
        description="Keep the input's EXIF and XMP, places and names included; never thumbnails or maker's notes.",
    )


def steps_to_run(steps: int, strength: float) -> int:
    """How many of `steps` are run at `strength` in (0, 1]: exact in decimal, rounded down, at least 1.

    In binary, int(50 * 0.58) is 28; a caller who wrote 0.58 means 29.
    """
    return max(1, int(steps * Decimal(str(strength))))


NUMBERS = (
    "mask_threshold",
    "mask_grow",
    "mask_blur",
    "padding",
    "width",
    "height",
    "strength",
    "steps",
    "guidance_scale",
    "eta",
    "clip_skip",
    "seed",
    "num_images",
)

WorkingSide = Annotated[int, Field(ge=64, le=MAX_WORKING_SIDE, multiple_of=WORKING_SIDE_STEP)]


class InpaintParams(BaseModel):
    """The parameters of a job.

    As sent, `width`, `height` and `seed` may be null; `resolved()` replaces them with concrete values at submit,
    so a stored job always says exactly what was run. Lengths are pixels of the input image, working sizes are
    pixels that the model sees (multiples of 8), `strength` is the share of the noise schedule that is run.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: Annotated[str, Field(max_length=MAX_PROMPT_CHARS)] = Field(
        "", description="What the masked part is to show."
    )
    negative_prompt: Annotated[str, Field(max_length=MAX_PROMPT_CHARS)] = Field(
        "", description="What it is not to show. Without effect at guidance_scale 1."
    )
    prompt_syntax: PromptSyntax = Field(
        PromptSyntax.PLAIN,
        description="plain: brackets are text. a1111: (word), (word:1.3) and [word] weigh words, BREAK ends a chunk.",
    )
    long_prompt: LongPrompt = Field(
        LongPrompt.CHUNK, description="Beyond 75 tokens: read in chunks, cut and tell what was dropped, or refuse."
    )
    mask_channel: MaskChannel = Field(
        MaskChannel.AUTO,
        description="Where the mask is read: its brightness, its alpha, or whichever of the two says something.",
    )
    mask_invert: bool = Field(False, description="Repaint black instead of white.")
    mask_threshold: Annotated[float, Field(ge=0, le=1)] = Field(
        0.5, description="Share of white from which a pixel of the mask counts; black never does."
    )
    mask_grow: Annotated[int, Field(ge=-64, le=64)] = Field(
        0, description="Pixels by which the mask is widened, or narrowed if negative."
    )
    mask_blur: Annotated[int, Field(ge=0, le=64)] = Field(
        4, description="Width of the seam between new and old, in pixels."
    )
    blend: Blend = Field(Blend.OUTWARD, description="Seam outside the mask, inside it, or none.")
    area: Area = Field(
        Area.AUTO,
        description="What the model sees: all (whole), the mask's surroundings (masked), or what shows more (auto).",
    )
    padding: Annotated[int, Field(ge=0, le=256)] = Field(
        32, description="Pixels around the mask that area masked shows."
    )
    width: WorkingSide | None = Field(
        None, description="Width at which the model works; unset: its own. Results have the size of the input."
    )
    height: WorkingSide | None = Field(None, description="Height at which the model works; unset: its own.")
    strength: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0, description="Share of the noise schedule that is run: below 1 the job starts from masked_content."
    )
    steps: Annotated[int, Field(ge=1, le=150)] = Field(
        30, description="Denoising steps at strength 1; fewer in proportion below."
    )
    guidance_scale: Annotated[float, Field(ge=1, le=30)] = Field(
        7.5, description="How closely the prompt is followed; 1 switches guidance off and halves the work."
    )
    scheduler: SchedulerName = Field(SchedulerName.DEFAULT, description="The sampler; default is the checkpoint's own.")
    eta: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0, description="Noise that is added at each step, for samplers that know it."
    )
    clip_skip: Annotated[int, Field(ge=0, le=MAX_CLIP_SKIP)] = Field(
        0, description="Last layers of the text encoder that are left out, for both prompts."
    )
    masked_content: MaskedContent = Field(
        MaskedContent.ORIGINAL,
        description="Below strength 1, what is under the mask at first: the picture, colours around, noise or zeros.",
    )
    color_match: ColorMatch = Field(
        ColorMatch.NONE,
        description="histogram: give the new part the distribution of colours of the known pixels that the model saw.",
    )
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] | None = Field(
        None,
        description="Seed of the first image, each further one takes the next. Unset or -1: drawn and echoed.",
    )
    num_images: Annotated[int, Field(ge=1, le=8)] = Field(1, description="Pictures to make.")
    model: Annotated[str, Field(min_length=1, max_length=MAX_ALIAS_CHARS, pattern=MODEL_ALIAS)] = Field(
        "default", description="Alias of a model of `GET /v1/models`."
    )
    output: OutputParams = Field(OutputParams(), description="How results are encoded.")

    @field_validator(*NUMBERS, mode="before")
    @classmethod
    def _booleans_are_not_numbers(cls, value: object) -> object:
        if isinstance(value, bool):
            raise ValueError("expected a number, not true or false")
        return value

    @field_validator("seed", mode="before")
    @classmethod
    def _minus_one_means_drawn(cls, value: object) -> object:
        return None if value == -1 else value

    @classmethod
    def stored(cls, values: dict[str, Any]) -> Self:
        """The parameters that a row holds; names that another version gave it are passed over (storage/formats.py)."""
        strange = values.keys() - cls.model_fields.keys()
        strange_output = values.get("output", {}).keys() - OutputParams.model_fields.keys()
        if strange or strange_output:
            output = {name: value for name, value in values.get("output", {}).items() if name not in strange_output}
            values = {name: value for name, value in {**values, "output": output}.items() if name not in strange}
        return cls.model_validate(values)

    def resolved(self, *, native_size: int, seed: int) -> Self:
        """These parameters with nothing left open: sizes default to the model's native size, the seed is fixed."""
        return self.model_copy(
            update={
                "width": self.width or native_size,
                "height": self.height or native_size,
                "seed": self.seed if self.seed is not None else seed,
            }
        )

    @property
    def actual_steps(self) -> int:
        """Denoising steps of one image: `steps` cut by `strength`."""
        return steps_to_run(self.steps, self.strength)

    @property
    def unet_rows(self) -> int:
        """The work of the whole job in rows of a UNet forward: guidance above 1 needs two a step."""
        return self.actual_steps * (2 if self.guidance_scale > 1 else 1) * self.num_images

    def image_seed(self, index: int) -> int:
        """The seed of image `index`: seed + index, wrapping at 2**32. Needs resolved parameters."""
        if self.seed is None:
            raise ValueError("parameters are not resolved yet: call resolved() first")
        return (self.seed + index) % (MAX_SEED + 1)
