"""What a picture's file says of it, made true of the upright picture without the thumbnails of what it was."""

from __future__ import annotations

import re

from PIL import ExifTags, Image

# Prefixes are those that the XMP specification prefers; 1 is upright.
_XMP_ORIENTATION = re.compile(r"""(\btiff:Orientation\s*(?:=\s*["']|>\s*))[2-8]""")
_XMP_THUMBNAILS = ("xmp:Thumbnails", "xap:Thumbnails")


def upright_exif(image: Image.Image, size: tuple[int, int]) -> bytes | None:
    """The EXIF block of an open `image`, whose pixels were turned upright to `size` (width, height), or None.

    Without orientation, thumbnail and maker's note: the latter two may show what the edit is to remove, and the
    note's inner offsets do not survive a rewrite. Unreadable EXIF counts as none.
    """
    try:
        exif = image.getexif()
        details = exif.get_ifd(ExifTags.IFD.Exif)
        exif.pop(ExifTags.Base.Orientation, None)
        details.pop(ExifTags.Base.MakerNote, None)
        for values, width, height in (
            (exif, ExifTags.Base.ImageWidth, ExifTags.Base.ImageLength),
            (details, ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight),
        ):
            values.update({tag: side for tag, side in zip((width, height), size, strict=True) if tag in values})
        return exif.tobytes() if len(exif) else None
    except Exception:  # noqa: BLE001 - a photograph with sloppy EXIF is still a photograph
        return None


def upright_xmp(image: Image.Image) -> bytes | None:
    """The XMP packet of an open `image`, with its orientation 1 and without thumbnails, or None."""
    packet = image.info.get("xmp")
    try:
        text = packet.decode() if isinstance(packet, bytes) else None
    except UnicodeDecodeError:
        return None
    for element in _XMP_THUMBNAILS:
        text = text and _without(element, text)
    return _XMP_ORIENTATION.sub(r"\g<1>1", text).encode() if text else None


def _without(element: str, text: str) -> str:
    """`text` less every such element; one that never ends takes the rest along. Linear, whatever the text is."""
    first, *rest = text.split(f"<{element}")
    return first + "".join(part.partition(f"</{element}>")[2] for part in rest)
