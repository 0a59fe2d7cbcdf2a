"""Results as files."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from storage.params import OutputFormat, OutputParams


def encode(image: Image.Image, output: OutputParams, icc: bytes | None) -> bytes:
    """The bytes of an RGB or RGBA image in the format asked for, with the input's colour profile if that is kept.

    PNG holds the pixels exactly. JPEG has no alpha: transparent parts are laid over white.
    """
    buffer = BytesIO()
    profile = icc if output.keep_icc else None
    if output.format is OutputFormat.PNG:
        # Level 1 takes a fraction of the default's time for a file slightly larger.
        image.save(buffer, "PNG", compress_level=1, icc_profile=profile)
    elif output.format is OutputFormat.WEBP:
        # `exact` keeps the colours below transparent pixels.
        image.save(buffer, "WEBP", quality=output.quality, exact=True, icc_profile=profile)
    else:
        _over_white(image).save(buffer, "JPEG", quality=output.quality, icc_profile=profile)
    return buffer.getvalue()


def _over_white(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")
