"""Jobs as the command line reads them: from pictures and patterns, or from a table, one job a row."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from producer.cli.plain_errors import Misuse
from producer.cli.request_options import fields_of, nested, plain_type

_REFERENCE = re.compile(r"file_[0-9a-z]{26}|https?://.*|data:.*", re.DOTALL)
_WILD = re.compile(r"[*?\[]")
OUT = "out"
_OWN = ("image", "mask", OUT, "idempotency_key", "custom_id")


@dataclass(frozen=True, slots=True)
class Row:
    """A job to be sent. `where` is told when it is at fault; `out` is the stem of its result's file name."""

    where: str
    out: str
    job: dict[str, Any]


def rows_of_pictures(patterns: Sequence[str], mask: str | None, fields: Mapping[str, Any]) -> Iterator[Row]:
    """A row for each picture. `mask` is one file for all, or a pattern in which {stem}, {name} and {dir} are its own.

    Raises Misuse.
    """
    names = _Names()
    for picture in _pictures(patterns):
        job: dict[str, Any] = {"image": picture, **fields}
        if mask is not None:
            job["mask"] = _mask_of(picture, mask)
        yield Row(str(picture), names.unused(picture.stem), job)


def rows_of_table(table: Path, fields: Mapping[str, Any]) -> Iterator[Row]:
    """A row for each of a CSV (a column a field, `output.format` for a nested one) or of a JSONL (an object a line).

    Pictures are paths, relative to the table, `file_` ids or URLs; `fields` hold where a row says nothing. The columns
    `out` and `idempotency_key` name the result's file and the request. Raises Misuse, naming the line.
    """
    read = _csv_rows if table.suffix.lower() == ".csv" else _json_rows
    names = _Names()
    for line, found in read(table):
        where = f"{table}, line {line}"
        job = _filled(found, fields)
        for name in ("image", "mask"):
            if isinstance(job.get(name), str):
                job[name] = _picture(job[name], table.parent, where)
        if "image" not in job:
            raise Misuse(f"{where}: `image` is missing; it is a path, a file_ id or a URL.")
        yield Row(where, names.unused(_stem(job, line)), job)


def _pictures(patterns: Sequence[str]) -> Iterator[Path]:
    for pattern in patterns:
        path = Path(pattern)
        if path.is_file():
            yield path
        elif _WILD.search(pattern):
            anchor = Path(path.anchor)
            found = sorted(one for one in anchor.glob(str(path.relative_to(anchor))) if one.is_file())
            if not found:
                raise Misuse(f"No file matches {pattern}; check the pattern.")
            yield from found
        else:
            raise Misuse(f"{pattern} does not exist or is no file; check the path.")


def _mask_of(picture: Path, pattern: str) -> Path:
    # Not str.format, which would read more into other people's file names.
    names = {"{stem}": picture.stem, "{name}": picture.name, "{dir}": str(picture.parent)}
    path = Path(re.sub("|".join(map(re.escape, names)), lambda found: names[found[0]], pattern))
    if not path.is_file():
        raise Misuse(f"The mask of {picture} should be {path}, which does not exist; check --mask.")
    return path


def _picture(text: str, folder: Path, where: str) -> Path | str:
    if _REFERENCE.fullmatch(text):
        return text
    path = folder / text
    if not path.is_file():
        raise Misuse(f"{where}: {path} does not exist or is no file; paths are relative to the table.")
    return path


def _csv_rows(table: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    columns = {".".join(path): path for path in fields_of()} | {name: (name,) for name in _OWN}
    kinds = {".".join(path): plain_type(field) for path, field in fields_of().items()}
    with table.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, strict=True)
        if unknown := [name for name in reader.fieldnames or () if name not in columns]:
            raise Misuse(f"{table}: there is no field {unknown[0]!r}; `inpaintd submit --help` lists them.")
        for found in reader:
            if None in found:
                raise Misuse(f"{table}, line {reader.line_num}: there are more cells than columns.")
            given = {columns[name]: _cell(text, kinds.get(name, str)) for name, text in found.items() if text}
            yield reader.line_num, nested(given)


def _cell(text: str, kind: Any) -> Any:
    if kind is str or (isinstance(kind, type) and issubclass(kind, StrEnum)):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text  # the service says what is wrong with it


def _json_rows(table: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with table.open(encoding="utf-8-sig") as file:
        for number, text in enumerate(file, start=1):
            if text.isspace():
                continue
            try:
                found = json.loads(text)
            except ValueError as error:
                raise Misuse(f"{table}, line {number}: not JSON: {error}.") from None
            if not isinstance(found, dict):
                raise Misuse(f"{table}, line {number}: a JSON object is needed, one a line.")
            yield number, found


def _stem(job: dict[str, Any], line: int) -> str:
    if OUT in job:
        return Path(str(job.pop(OUT))).stem
    image = job["image"]
    return image.stem if isinstance(image, Path) else f"line-{line}"


def _filled(found: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    both = {name for name in found.keys() & fields.keys() if isinstance(fields[name], dict)}
    inner = {name: {**fields[name], **found[name]} for name in both if isinstance(found[name], dict)}
    return {**fields, **found, **inner}


class _Names:
    """Stems of result files, each given once."""

    def __init__(self) -> None:
        self._given: Counter[str] = Counter()

    def unused(self, stem: str) -> str:
        """`stem`, or with a number from the second time on."""
        self._given[stem] += 1
        return stem if self._given[stem] == 1 else self.unused(f"{stem}-{self._given[stem]}")
