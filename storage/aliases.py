"""The registry's names: which alias stands for which source of a model."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from storage.errors import SettingsError
from storage.model_hash import split_pin

DEFAULT = "default"
POCKET = "pocket"
MODEL_ALIAS = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
MAX_ALIAS_CHARS = 64


def sources_of(models: Sequence[str], model: str | None) -> dict[str, str]:
    """Alias and source of each model, `default` first.

    `models` are the entries of INPAINTD_MODELS, `alias=source` each; `model` is INPAINTD_MODEL, the short form of
    `default=`. Where neither names a default, it is the pocket model. A source may end in a pin, see
    storage.model_hash. Raises SettingsError for an entry that is not of that form, and for an alias named twice.
    """
    named = dict[str, str]()
    for alias, source in _pairs(models):
        if alias in named:
            raise SettingsError(f"INPAINTD_MODELS names {alias!r} twice; give each model an alias of its own.")
        named[alias] = source
    if model is not None and DEFAULT in named:
        raise SettingsError("INPAINTD_MODEL and INPAINTD_MODELS both say what `default` is; keep one of them.")
    sources = {DEFAULT: named.pop(DEFAULT, model or POCKET), **named}
    for source in sources.values():
        _refuse_odd_pin(source)
    return sources


def served(sources: Mapping[str, str], only: Collection[str]) -> dict[str, str]:
    """The part of a registry that one worker serves: all of it, or `only` these. Raises SettingsError."""
    if unknown := sorted(set(only) - set(sources)):
        raise SettingsError(f"INPAINTD_WORKER_MODELS names {unknown[0]!r}, which is not in INPAINTD_MODELS.")
    return {alias: source for alias, source in sources.items() if not only or alias in only}


def companions_of(variable: str, entries: Sequence[str], aliases: Collection[str]) -> dict[str, str]:
    """What each model brings along by the setting `variable`: entries are `alias=source`, or `source` for the others.

    Models without one are left out. Raises SettingsError for an alias that is not on offer, and for two of a kind.
    """
    own = dict[str, str]()
    for entry in entries:
        alias, equals, source = entry.partition("=")
        alias, source = (alias, source) if equals else ("", entry)
        if alias in own:
            raise SettingsError(f"{variable} has two entries for {alias or 'all models'}; keep one of them.")
        if alias and alias not in aliases:
            raise SettingsError(f"{variable} names the model {alias!r}, which is not in INPAINTD_MODELS.")
        try:
            split_pin(source)
        except ValueError as problem:
            raise SettingsError(f"{variable}: {problem}.") from problem
        own[alias] = source
    found = {alias: own.get(alias, own.get("")) for alias in aliases}
    return {alias: source for alias, source in found.items() if source}


def _refuse_odd_pin(source: str) -> None:
    try:
        split_pin(source)
    except ValueError as problem:
        raise SettingsError(f"INPAINTD_MODEL or INPAINTD_MODELS: {problem}.") from problem


def _pairs(models: Sequence[str]) -> Iterator[tuple[str, str]]:
    for entry in models:
        alias, equals, source = (part.strip() for part in entry.partition("="))
        if not (equals and alias and source):
            raise SettingsError(f"INPAINTD_MODELS has {entry!r}; write alias=source, separated by commas.")
        if len(alias) > MAX_ALIAS_CHARS or re.fullmatch(MODEL_ALIAS, alias) is None:
            raise SettingsError(
                f"INPAINTD_MODELS has the alias {alias!r}; use letters, digits, dots, dashes and underscores, "
                f"{MAX_ALIAS_CHARS} at most, beginning with a letter or digit."
            )
        yield alias, source
