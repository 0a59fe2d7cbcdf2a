"""Ways to write a prompt so that a person still reads it and a list of words does not."""

from __future__ import annotations

import random
from collections.abc import Callable

_HOMOGLYPHS = str.maketrans("aceiopxysABEHKMOPTX", "асеіорхуѕАВЕНКМОРТХ")
_GREEK = str.maketrans("aeoiknptuvx", "αεοικηρτυνχ")
_SMALL = str.maketrans("abcdefghijklmnoprstuvwyz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ")
_LEET = str.maketrans("aeiost", "431057")
_ZERO_WIDTH = "\u200b\u200c\u200d\u2060\u00ad"
_ACCENTS = "\u0300\u0301\u0302\u0308\u030a\u0323\u0336"


def _zero_width(text: str, dice: random.Random) -> str:
    return "".join(c + dice.choice(_ZERO_WIDTH) if c.isalpha() else c for c in text)


def _mathematical(text: str, _: random.Random) -> str:
    return "".join(chr(0x1D41A + ord(c) - ord("a")) if "a" <= c <= "z" else c for c in text)


def _full_width(text: str, _: random.Random) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def _repeated(text: str, dice: random.Random) -> str:
    """One letter of each word, four times."""
    stretched = []
    for word in text.split():
        at = dice.randrange(len(word))
        stretched.append(
            word[:at] + word[at] * (4 if word[at].isascii() and word[at].isalpha() else 1) + word[at + 1 :]
        )
    return " ".join(stretched)


def _accented(text: str, dice: random.Random) -> str:
    return "".join(c + dice.choice(_ACCENTS) if c.isalpha() else c for c in text)


def _alternating(text: str, _: random.Random) -> str:
    return "".join(c.upper() if i % 2 else c for i, c in enumerate(text))


def _mixed(text: str, dice: random.Random) -> str:
    """Each letter disguised by lot as a look-alike, a digit, an accented or a parted letter, or not at all."""
    ways: tuple[Callable[[str], str], ...] = (
        lambda c: c.translate(_HOMOGLYPHS),
        lambda c: c.translate(_LEET),
        lambda c: c + dice.choice(_ACCENTS),
        lambda c: c + dice.choice(_ZERO_WIDTH),
        str,
    )
    return "".join(dice.choice(ways)(c) if c.isalpha() else c for c in text)


DISGUISES: dict[str, Callable[[str, random.Random], str]] = {
    "zero width": _zero_width,
    "cyrillic": lambda text, _: text.translate(_HOMOGLYPHS),
    "greek": lambda text, _: text.translate(_GREEK),
    "small capitals": lambda text, _: text.translate(_SMALL),
    "mathematical": _mathematical,
    "full width": _full_width,
    "leet": lambda text, _: text.translate(_LEET),
    "spaced": lambda text, _: "   ".join(" ".join(word) for word in text.split()),
    "dotted": lambda text, _: " ".join(".".join(word) for word in text.split()),
    "all spaced": lambda text, _: " ".join("".join(text.split())),
    "repeated": _repeated,
    "accented": _accented,
    "capitals": _alternating,
    "mixed": _mixed,
}
"""By name: from a prompt and a source of chance to its twin."""
