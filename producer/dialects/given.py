"""The fields of a request in another tongue. What a dialect does not take out must have a name of ours, or is refused.

So nothing can be dropped in silence: every field is translated, found to ask for what happens anyway, or refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from producer.errors import Refusal


class Given:
    """Fields by their foreign names; null counts as left out, as it does in the services that speak so."""

    def __init__(self, values: Mapping[str, Any], prefix: str = "") -> None:
        """`prefix` stands before a field's name in messages, such as "input."."""
        self._values = {name: value for name, value in values.items() if value is not None}
        self._prefix = prefix
        self.native: dict[str, Any] = {}
        """What was understood so far, by our names."""
        self.names: dict[str, str] = {}
        """From our names to those of the request, for messages."""

    def take(self, name: str, default: Any = None) -> Any:
        """The value of a field, which then counts as understood."""
        return self._values.pop(name, default)

    def say(self, native: str, value: Any, name: str) -> None:
        """Sets one of our fields because of the field `name`. Raises Refusal if two fields would set it."""
        if native in self.native:
            raise self.refusal(
                name, "field_repeated", f"`{self.full(name)}` and `{self.names[native]}` say the same; send one."
            )
        self.native[native] = value
        self.names[native] = self.full(name)

    def rename(self, names: Mapping[str, str]) -> None:
        """Takes fields that only have another name there: `names` leads from theirs to ours."""
        for name, native in names.items():
            if name in self._values:
                self.say(native, self._values.pop(name), name)

    def choose(self, name: str, native: str, choices: Mapping[Any, Any]) -> None:
        """Takes a field with few values; one that means nothing of ours maps to None. Raises Refusal for others."""
        value = self.take(name)
        if value is None:
            return
        if not isinstance(value, str | int) or value not in choices:
            raise self._not_one_of(name, value, list(choices))
        if choices[value] is not None:
            self.say(native, choices[value], name)

    def accept(self, allowed: Mapping[str, tuple[Any, ...]]) -> None:
        """Takes fields that have no meaning here beyond these values. Raises Refusal `not_supported` for others."""
        for name, values in allowed.items():
            value = self.take(name)
            if value is not None and value not in values:
                raise self._not_one_of(name, value, list(values))

    def refuse(self, names: Mapping[str, str]) -> None:
        """Raises Refusal `not_supported` if one of these fields is there; each name leads to the reason."""
        for name, reason in names.items():
            if name in self._values:
                raise self.refusal(name, "not_supported", f"`{self.full(name)}` is not supported here: {reason}.")

    def finish(self) -> dict[str, Any]:
        """Every field by our names; those that are left have them already, or are found to be unknown."""
        for name in list(self._values):
            self.say(name, self._values.pop(name), name)
        return self.native

    def full(self, name: str) -> str:
        """How a field is called in messages."""
        return self._prefix + name

    def refusal(self, name: str, code: str, detail: str) -> Refusal:
        """A refusal because of the field `name`."""
        return Refusal.of_field(self.full(name), code, detail)

    def _not_one_of(self, name: str, value: Any, choices: list[Any]) -> Refusal:
        known = ", ".join(_shown(choice) for choice in choices)
        detail = f"{_shown(value)[:100]} is not supported here: leave `{self.full(name)}` out or send one of: {known}."
        return self.refusal(name, "not_supported", detail)


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value) or '""'
