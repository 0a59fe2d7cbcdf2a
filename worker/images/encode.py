"""Results as files."""

from __future__ import annotations

from io import BytesIO

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from storage.params import OutputFormat, OutputParams
from storage.pictures import Picture

# What one segment of a JPEG holds beside its own head (ITU-T T.81 B.1.1.4), and the head of an XMP segment.
_JPEG_SEGMENT = 65_533
_XMP_HEAD = 29


def encode(image: Image.Image, output: OutputParams, original: Picture) -> bytes:
    """The bytes of an RGB or RGBA image in the format asked for, with what is to be kept of the input's file.

    PNG holds the pixels exactly. JPEG has no alpha: transparent parts are laid over white. It also has no room for
    EXIF or XMP of more than 64 kB each, which are left out.
    """
    buffer = BytesIO()
    profile = original.icc if output.keep_icc else None
    exif, xmp = (original.exif or b"", original.xmp or b"") if output.keep_metadata else (b"", b"")
    if output.format is OutputFormat.PNG:
        # Level 1 takes a fraction of the default's time for a file slightly larger.
        image.save(buffer, "PNG", compress_level=1, icc_profile=profile, exif=exif, pnginfo=_png_texts(xmp))
    elif output.format is OutputFormat.WEBP:
        # `exact` keeps the colours below transparent pixels.
        image.save(buffer, "WEBP", quality=output.quality, exact=True, icc_profile=profile, exif=exif, xmp=xmp)
    else:
        exif = exif if len(exif) <= _JPEG_SEGMENT else b""
        xmp = xmp if len(xmp) <= _JPEG_SEGMENT - _XMP_HEAD else b""
        _over_white(image).save(buffer, "JPEG", quality=output.quality, icc_profile=profile, exif=exif, xmp=xmp)
    return buffer.getvalue()


def _png_texts(xmp: bytes) -> PngInfo:
    texts = PngInfo()
    if xmp:
        # XMP specification, part 3, section 1.1.5.
        texts.add_itxt("XML:com.adobe.xmp", xmp.decode())
    return texts


def _over_white(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")
