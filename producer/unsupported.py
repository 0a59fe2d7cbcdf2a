"""What the interface already names but this version does not do: refused, never silently dropped."""

from __future__ import annotations

from producer.errors import FieldError

CODE = "not_supported_yet"


def not_yet(field: str, value: object, instead: object = None) -> FieldError:
    """The entry for one field: which value is not supported, and what to send meanwhile."""
    advice = "leave it out" if instead is None else f"use {_as_json(instead)}"
    return FieldError(field, CODE, f"{_as_json(value)} is not supported by this version yet; {advice}.")


def _as_json(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
