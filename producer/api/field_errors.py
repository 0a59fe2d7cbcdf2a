"""From pydantic's findings to ours: a field, a stable code, and a sentence."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from producer.errors import FieldError

MAX_NAME = 100
# pydantic's error types, https://docs.pydantic.dev/latest/errors/validation_errors/; what ends in _type or _parsing
# is a wrong type.
_CODES = {
    "missing": "field_missing",
    "extra_forbidden": "field_unknown",
    "greater_than": "out_of_range",
    "greater_than_equal": "out_of_range",
    "less_than": "out_of_range",
    "less_than_equal": "out_of_range",
    "multiple_of": "out_of_range",
    "finite_number": "out_of_range",
    "string_too_short": "wrong_length",
    "string_too_long": "wrong_length",
    "string_pattern_mismatch": "wrong_format",
    "datetime_from_date_parsing": "wrong_format",
    "timezone_aware": "wrong_format",
    "too_short": "wrong_length",
    "too_long": "wrong_length",
    "enum": "not_a_choice",
    "literal_error": "not_a_choice",
    "text_invalid": "text_invalid",
    "metadata_invalid": "metadata_invalid",
    "wrong_format": "wrong_format",
}


def field_errors(
    found: Sequence[Mapping[str, Any]], known: Collection[str] = (), *, placed: bool = False
) -> list[FieldError]:
    """One entry per finding of pydantic. `known` are the field names there are, to suggest the one that was meant;
    `placed`: each finding begins with the place in the request where its field stands, as FastAPI's do.
    """
    return [_field_error(one, one["loc"][1:] if placed else one["loc"], known) for one in found]


def _field_error(one: Mapping[str, Any], where: Sequence[str | int], known: Collection[str]) -> FieldError:
    path = [str(part)[:MAX_NAME] for part in where]
    field = ".".join(path)
    code = _CODES.get(one["type"], "wrong_type")
    if code == "field_unknown":
        return FieldError(field, code, _unknown(path[-1], known if len(path) == 1 else ()))
    if code == "field_missing":
        return FieldError(field, code, f"`{field}` is required.")
    return FieldError(field, code, _sentence(one["msg"]))


def _unknown(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean `{close[0]}`?" if close else ""
    return f"There is no field `{name}`.{hint}"


def _sentence(message: str) -> str:
    plain = message.removeprefix("Value error, ").replace("Input should", "It should", 1)
    return plain[:1].upper() + plain[1:].rstrip(".") + "."
