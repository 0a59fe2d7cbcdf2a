"""What the input's file says of itself: carried over if asked for, true of the upright picture, else left behind."""

from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from safety import credentials
from safety.authority import Authority, load_or_create_authority
from safety.credentials import Claim, sign
from storage.params import OutputFormat, OutputParams
from storage.pictures import Picture, open_picture
from tests.unit.images.samples import encoded, noise, picture, smooth
from worker.images.encode import encode

XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
    'xmlns:xmpGImg="http://ns.adobe.com/xap/1.0/g/img/">'
    "<dc:title>Zoë am Strand</dc:title><xmp:Thumbnails><rdf:Alt><rdf:li>/9j/who-was-there</rdf:li></rdf:Alt>"
    "</xmp:Thumbnails></rdf:Description></rdf:RDF></x:xmpmeta>"
).encode()
THUMBNAIL = encoded(noise(16, 12), "JPEG")


def camera_exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Make] = "Camera & Co"
    exif[ExifTags.Base.ImageWidth] = 64
    details = exif.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.ExifImageWidth], details[ExifTags.Base.ExifImageHeight] = 64, 48
    details[ExifTags.Base.MakerNote] = b"preview of who was there"
    details[ExifTags.Base.LensModel] = "50 mm"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    return exif


def with_thumbnail(exif: bytes) -> bytes:
    """The block with a second directory behind the first, which holds a JPEG, as cameras write it."""
    body = exif[6:]
    mark = "<" if body[:2] == b"II" else ">"
    first = struct.unpack(mark + "I", body[4:8])[0]
    count = struct.unpack(mark + "H", body[first : first + 2])[0]
    link = first + 2 + 12 * count
    at = len(body)
    data_at = at + 2 + 2 * 12 + 4
    second = struct.pack(mark + "HHHIIHHIII", 2, 0x201, 4, 1, data_at, 0x202, 4, 1, len(THUMBNAIL), 0)
    return exif[:6] + body[:link] + struct.pack(mark + "I", at) + body[link + 4 :] + second + THUMBNAIL


def photograph(kind: str, orientation: int = 6) -> bytes:
    exif = with_thumbnail(camera_exif(orientation).tobytes())
    if kind == "PNG":
        return encode(Image.fromarray(smooth(64, 48)), OutputParams(keep_metadata=True), described(exif, XMP))
    return encoded(smooth(64, 48), kind, exif=exif, xmp=XMP)


def described(exif: bytes | None, xmp: bytes | None) -> Picture:
    bare = picture(smooth(64, 48))
    return Picture(bare.rgb, None, bare.content_type, None, exif, xmp)


@pytest.mark.parametrize("source", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("kind", list(OutputFormat))
def test_metadata_come_over_between_all_formats_and_describe_an_upright_picture(
    source: str, kind: OutputFormat
) -> None:
    original = open_picture(photograph(source))
    assert (original.width, original.height) == (48, 64)
    data = encode(Image.fromarray(original.rgb), OutputParams(format=kind, keep_metadata=True), original)
    with Image.open(BytesIO(data)) as image:
        exif, xmp = image.getexif(), image.info["xmp"].decode()
        details = exif.get_ifd(ExifTags.IFD.Exif)
        assert (image.width, image.height) == (48, 64)
        assert exif.get_ifd(ExifTags.IFD.IFD1) == {}
        assert exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] == "N"
    assert exif[ExifTags.Base.Make] == "Camera & Co"
    assert (exif[ExifTags.Base.ImageWidth], details[ExifTags.Base.ExifImageWidth]) == (48, 48)
    assert (details[ExifTags.Base.ExifImageHeight], details[ExifTags.Base.LensModel]) == (64, "50 mm")
    assert exif.get(ExifTags.Base.Orientation, 1) == 1
    assert ExifTags.Base.MakerNote not in details
    assert 'tiff:Orientation="1"' in xmp
    assert "Zoë am Strand" in xmp
    assert b"who-was-there" not in data
    assert b"who was there" not in data
    assert THUMBNAIL[-50:] not in data
    # Opened by us once more, nothing turns a second time.
    assert (open_picture(data).width, open_picture(data).height) == (48, 64)


@pytest.mark.parametrize("kind", list(OutputFormat))
def test_unless_asked_nothing_of_it_leaves(kind: OutputFormat) -> None:
    original = open_picture(photograph("JPEG"))
    data = encode(Image.fromarray(original.rgb), OutputParams(format=kind), original)
    for trace in (b"Camera & Co", b"50 mm", b"Exif", b"eXIf", b"xmpmeta", b"Strand"):
        assert trace not in data


@pytest.mark.parametrize("kind", list(OutputFormat))
def test_credentials_hold_over_a_file_with_metadata(kind: OutputFormat, authority: Authority) -> None:
    source = photograph("JPEG")
    original = open_picture(source)
    data = encode(Image.fromarray(original.rgb), OutputParams(format=kind, keep_metadata=True), original)
    claim = Claim(title="job_1", model="m", software_version="1", mask_box=(0, 0, 8, 8), watermark_id="1")
    signed = sign(data, kind.content_type, claim, authority, source, original.content_type).data
    stated = credentials.read(signed, kind.content_type, authority.root_pem)
    assert stated is not None
    assert stated.made_here, stated.problems
    kept = open_picture(signed)
    assert (kept.exif, kept.xmp) == (open_picture(data).exif, open_picture(data).xmp)
    assert kept.exif is not None
    assert kept.xmp is not None
    assert kept.rgb.tobytes() == open_picture(data).rgb.tobytes()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder: Path = tmp_path_factory.mktemp("authority")
    return load_or_create_authority(folder)


def test_what_a_jpeg_has_no_room_for_is_left_out() -> None:
    huge = described(b"Exif\0\0" + bytes(70_000), b"<x>" + b" " * 70_000)
    kept = OutputParams(format=OutputFormat.JPEG, keep_metadata=True)
    data = encode(Image.fromarray(smooth(64, 48)), kept, huge)
    assert len(data) < 10_000


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_file_without_metadata_gets_none(kind: str) -> None:
    original = open_picture(encoded(smooth(64, 48), kind))
    assert (original.exif, original.xmp) == (None, None)
    data = encode(Image.fromarray(original.rgb), OutputParams(keep_metadata=True), original)
    assert b"eXIf" not in data
    assert b"iTXt" not in data


@pytest.mark.parametrize("element", ["<tiff:Orientation>8</tiff:Orientation>", "<a tiff:Orientation = '3'/>"])
def test_orientation_of_either_spelling_is_righted(element: str) -> None:
    xmp = open_picture(encoded(smooth(64, 48), "JPEG", xmp=element.encode())).xmp
    assert xmp is not None
    assert "1" in xmp.decode()
    assert not any(digit in xmp.decode() for digit in "38")


@pytest.mark.parametrize(
    "text", ["<xmp:Thumbnails" * 60_000, "tiff:Orientation " + " " * 900_000, "tiff:Orientation>" * 50_000]
)
def test_xmp_built_to_be_slow_is_not(text: str) -> None:
    data = encoded(smooth(64, 48), "WEBP", xmp=text.encode())
    # Reading it in quadratic time would take hours, far beyond the time limit of a test.
    assert open_picture(data).width == 64


def test_several_thumbnails_are_all_left_out() -> None:
    text = "<a/><xmp:Thumbnails>1</xmp:Thumbnails><b/><xap:Thumbnails x='2'>3</xap:Thumbnails><c/>"
    assert open_picture(encoded(smooth(64, 48), "JPEG", xmp=text.encode())).xmp == b"<a/><b/><c/>"


def test_xmp_that_is_no_text_is_none() -> None:
    assert open_picture(encoded(smooth(64, 48), "JPEG", xmp=b"\xff\xfe<x>")).xmp is None
