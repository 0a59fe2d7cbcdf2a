"""The one reader of pictures that callers send: the API uses it at submit, the worker when it loads a job.

The codes of PictureError:

- image_empty: the file has no bytes
- image_type_unsupported: not a PNG, JPEG or WebP
- image_truncated: the file ends too early
- image_corrupt: the file is whole but does not decode, or not within reason
- image_too_large: more pixels, or a longer side, than the service takes
- image_animated: more than one frame
- image_mode_unsupported: CMYK, or 16 bits a channel
- mask_missing, mask_size_mismatch, mask_alpha_missing, mask_empty: see storage.masks
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from storage.elbow_room import ElbowRoom
from storage.errors import StorageError
from storage.picture_metadata import upright_exif, upright_xmp

MAX_PIXELS = 50_000_000
# WebP, which may be asked for as the output format, cannot hold a longer side.
MAX_SIDE = 16_383
# A progressive JPEG has about ten. Each costs a pass over all pixels, however few bytes it has.
MAX_SCANS = 100
# While it is unpacked, a pixel takes about ten bytes.
_ROOM = ElbowRoom(64_000_000)

_PILLOW_FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA"})
_ORIENTATION_TAG = 0x0112
# EXIF 2.32, table 6: what brings a picture stored in each orientation upright. 1 needs nothing.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class PictureError(StorageError):
    """A picture that cannot be used: a stable `code`, a sentence for the caller, `field` is "image" or "mask"."""

    def __init__(self, code: str, message: str, field: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture, upright. `rgb` is uint8 (height, width, 3); `alpha` is uint8 (height, width), 255 opaque.

    `alpha` is None where the file has no transparency. Colours are not premultiplied, so the colour below a
    transparent pixel is kept. `icc` is an RGB colour profile; profiles of grey pictures are dropped, because
    `rgb` is not what they describe. `exif` and `xmp` are what the file says of itself, made true of these pixels.
    """

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    content_type: str
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        """Pixels down."""
        return int(self.rgb.shape[0])


def open_picture(data: bytes, *, as_mask: bool = False, max_pixels: int = MAX_PIXELS) -> Picture:
    """Decode a PNG, JPEG or WebP file completely and turn it upright by its EXIF orientation.

    Sizes are judged from the header, before any pixel is decoded; for that, threads wait for each other where their
    pictures are large. A mask may also be a grey PNG of 16 bits, which
    is read as 8. Of a JPEG that holds several pictures (MPO, HDR gain maps) the first is read. Raises PictureError
    and nothing else, whatever the bytes are.
    """
    field = "mask" if as_mask else "image"
    content_type = _content_type(data, field)
    try:
        with Image.open(BytesIO(data), formats=[_PILLOW_FORMATS[content_type]]) as image:
            _check_size(image.size, max_pixels, field)
            _check_kind(image, field)
            if not _is_whole(data, content_type):
                raise _damaged(data, content_type, field)
            _check_scans(data, content_type, field)
            with _ROOM.taken(image.width * image.height):
                image.load()
                return _decoded(image, content_type)
    except PictureError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(field, f"more than {max_pixels} pixels", max_pixels) from error
    except Exception as error:
        # Pillow's decoders answer hostile bytes with any exception there is; to the caller they all mean one thing.
        raise _damaged(data, content_type, field) from error


def _content_type(data: bytes, field: str) -> str:
    if not data:
        raise PictureError("image_empty", f"The {field} file is empty: send the bytes of a picture.", field)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    message = f"The {field} is not a picture of an accepted type: send a PNG, JPEG or WebP file."
    raise PictureError("image_type_unsupported", message, field)


def _is_whole(data: bytes, content_type: str) -> bool:
    """Whether the file reaches its own end mark, which decoders that have all their pixels do not look for."""
    if content_type == "image/png":
        return b"IEND\xaeB`\x82" in data
    if content_type == "image/jpeg":
        return b"\xff\xd9" in data
    return int.from_bytes(data[4:8], "little") + 8 <= len(data)


def _check_scans(data: bytes, content_type: str, field: str) -> None:
    if content_type == "image/jpeg" and data.count(b"\xff\xda") > MAX_SCANS:
        message = f"The {field} is a JPEG file of more than {MAX_SCANS} scans: save it again and send that."
        raise PictureError("image_corrupt", message, field)


def _damaged(data: bytes, content_type: str, field: str) -> PictureError:
    name = _PILLOW_FORMATS[content_type]
    if not _is_whole(data, content_type):
        message = f"The {field} is a {name} file that ends too early: upload the whole file again."
        return PictureError("image_truncated", message, field)
    message = f"The {field} is a {name} file that does not decode: save it again as PNG or JPEG and send that."
    return PictureError("image_corrupt", message, field)


def _check_size(size: tuple[int, int], max_pixels: int, field: str) -> None:
    width, height = size
    if width * height > max_pixels or max(size) > MAX_SIDE:
        raise _too_large(field, f"{width}x{height} pixels", max_pixels)


def _too_large(field: str, found: str, max_pixels: int) -> PictureError:
    limits = f"at most {max_pixels} pixels and {MAX_SIDE} a side"
    return PictureError("image_too_large", f"The {field} has {found}: scale it down to {limits}.", field)


def _check_kind(image: Image.Image, field: str) -> None:
    # An MPO counts its further pictures as frames, but it is a still.
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise PictureError("image_animated", f"The {field} is animated: send a single frame of it.", field)
    if image.mode == "I;16" and field == "mask":
        return
    deep = any(";16" in str(tile.args) for tile in getattr(image, "tile", ()))
    if deep or image.mode not in _MODES:
        kind = "16-bit" if deep else image.mode
        message = f"The {field} has {kind} colour: convert it to 8-bit RGB, RGBA or grey and send that."
        raise PictureError("image_mode_unsupported", message, field)


def _decoded(image: Image.Image, content_type: str) -> Picture:
    upright = _upright(image)
    if upright.mode == "I;16":
        grey = np.rint(np.asarray(upright) / 257).astype(np.uint8)
        return Picture(np.repeat(grey[..., None], 3, axis=2), None, content_type)
    alpha = None
    if upright.has_transparency_data:
        upright = upright.convert("RGBA")
        alpha = np.asarray(upright.getchannel("A"))
    icc = image.info.get("icc_profile")
    # Bytes 16 to 19 of a profile name its colour space (ICC.1:2022, 7.2.6).
    keep_icc = isinstance(icc, bytes) and icc[16:20] == b"RGB " and image.mode not in {"1", "L", "LA"}
    rgb = np.asarray(upright.convert("RGB"))
    exif, xmp = upright_exif(image, upright.size), upright_xmp(image)
    return Picture(rgb, alpha, content_type, icc if keep_icc else None, exif, xmp)


def _upright(image: Image.Image) -> Image.Image:
    try:
        turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # noqa: BLE001 - a photograph with sloppy EXIF is still a photograph; viewers ignore it too
        turn = None
    return image if turn is None else image.transpose(turn)
