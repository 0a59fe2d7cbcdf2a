"""Reading multipart/form-data: strict about UTF-8, repeated fields and size, all in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

from producer.errors import Refusal

MAX_PARTS = 64


@dataclass(slots=True)
class Part:
    """One part of a form. `is_file` is true when the sender named a file; then `data` is the file."""

    name: str = ""
    is_file: bool = False
    data: bytearray = field(default_factory=bytearray)

    def text(self) -> str:
        """The data as text. Raises Refusal `invalid_utf8`."""
        return decoded(bytes(self.data), f"The form field {self.name!r}")


def decoded(data: bytes, what: str) -> str:
    """`data` as UTF-8 text. Raises Refusal `invalid_utf8`, naming `what`."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Refusal("invalid_utf8", f"{what} is not valid UTF-8 at byte {error.start}.") from None


async def read_form(request: Request) -> dict[str, Part]:
    """The parts by name. Raises Refusal: form_invalid, invalid_utf8, field_repeated."""
    _, options = parse_options_header(request.headers.get("content-type", ""))
    if not options.get(b"boundary"):
        raise Refusal("form_invalid", "The header Content-Type names no boundary.")
    collector = _Collector()
    try:
        parser = MultipartParser(options[b"boundary"], collector.callbacks())
        async for chunk in request.stream():
            # In a thread: a body made to be slow to parse must not hold up everybody else.
            await run_in_threadpool(parser.write, chunk)
    except FormParserError as error:
        raise Refusal("form_invalid", f"The form cannot be read: {error}.") from None
    if not collector.ended:
        raise Refusal("form_invalid", "The form ends before its closing boundary.")
    return collector.parts


def only_file(parts: dict[str, Part]) -> bytes:
    """The part `file` of a form that has no other. Raises Refusal: field_unknown, field_missing."""
    if unknown := [name for name in parts if name != "file"]:
        raise Refusal.of_field(unknown[0], "field_unknown", f"There is no field `{unknown[0]}`; send only `file`.")
    if "file" not in parts:
        raise Refusal.of_field("file", "field_missing", "`file` is required.")
    return bytes(parts["file"].data)


class _Collector:
    """Gathers what the parser calls out."""

    def __init__(self) -> None:
        self.parts: dict[str, Part] = {}
        self.ended = False
        self._part = Part()
        self._header = bytearray()
        self._value = bytearray()

    def callbacks(self) -> MultipartCallbacks:
        """What the parser is to call."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header_end,
            "on_headers_finished": self._add,
            "on_part_data": self._data,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._part = Part()

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(bytes(self._value))
            self._part.name = decoded(options.get(b"name", b""), "The name of a form field")
            self._part.is_file = b"filename" in options
        self._header.clear()
        self._value.clear()

    def _add(self) -> None:
        name = self._part.name
        if not name:
            raise Refusal("form_invalid", "A part of the form has no name: give each a Content-Disposition with one.")
        if name in self.parts:
            raise Refusal.of_field(name, "field_repeated", f"`{name}` is sent twice; send it once.")
        if len(self.parts) == MAX_PARTS:
            raise Refusal("form_invalid", f"The form has more than {MAX_PARTS} parts.")
        self.parts[name] = self._part

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._part.data += data[start:end]

    def _end(self) -> None:
        self.ended = True
