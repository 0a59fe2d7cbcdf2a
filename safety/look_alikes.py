"""Letters that pass for Latin ones: a compact table in the spirit of the confusables of UTS #39.

Written by looks, not by sound: Cyrillic `н` is an h and Cherokee `Ꮃ` a W. Compatibility forms (full width, letters of
mathematics, superscripts) are not here, because NFKD takes them to their letters. What a prompt says in Russian or
Greek is changed by it too, and so are the words it is compared with.
"""

import unicodedata

_SHAPES = {
    "a": "аɑαᴀɐ∀ꭺᎪ⍺", "b": "вƅЬьʙᏴᏏβɓƀ", "c": "сⅽᴄɔↄᏟꮯ¢ҫƈ", "d": "ԁɗᴅᎠꭰđȡɖժ", "e": "еєҽᴇǝəɘɛεᎬꭼ℮эɇ€",
    "f": "ꜰƒϝքᖴɟ", "g": "ɡɢᏀꮐցƃǥɠԍ", "h": "нһʜɥᎻꮋհħҺһɦ", "i": "іїıɩɪιᎥɨᴉ׀", "j": "јϳᴊᎫյʝ",
    "k": "кκᴋʞᏦꮶĸҟқҝƙ", "l": "ʟłӏƖᏞꮮɭլɫ£", "m": "мᴍɯᎷꮇɱ", "n": "пηɴᴎռողŋɲɳ", "o": "оοσᴏօөθøഠዐ০੦๐ӧ",
    "p": "рρᴘᏢꮲþƥթ", "q": "ԛզɋʠգ", "r": "гʀɹᎡꭱᖇɾɼɽя", "s": "ѕꜱᏚꮪʂտ§", "t": "тτᴛʇᎢꭲŧʈ†", "u": "υᴜսʋц∪",
    "v": "ѵνᴠʌᏙꮩ∨", "w": "ԝωᴡʍᎳꮃшщѡ", "x": "хχҳ×", "y": "уүʏʎγᎩყ¥ұ", "z": "ᴢᏃꮓʐƶʑζ",
    "3": "зӡʒȝ", "copyright": "©", "ae": "æ", "oe": "œ", "ss": "ß", "ه": "ة", "ي": "ىی", "ك": "ک",
}  # fmt: skip
_CAPITALS = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹϲ", "abezhikmnoptyxcc", strict=True))
"""Greek capitals (and the sigma like a c) look Latin where the small letters that they fold to do not."""

_INVISIBLE = dict.fromkeys(map(ord, "\u115f\u1160\u3164\uffa0\u0640"), "")
"""Hangul fillers and the Arabic stretching line: letters to Unicode, nothing to the eye."""

_BADGES = {start + i: chr(97 + i) for start in (0x1F150, 0x1F170, 0x1F1E6) for i in range(26)}
"""White letters on black circles and squares, and the letters that flags are made of."""

_TURNED = frozenset("ɐɔǝɟƃɥᴉɾʞɯɹʇʌʍʎ")
_UPSIDE = str.maketrans("nupdbq", "undpqb")
"""Plain letters that become others when turned; the rest of a turned word tells that it is turned."""

VOWEL_SIGNS = "".join(chr(c) for c in range(0x900, 0x0E00) if unicodedata.category(chr(c)) == "Mc")
"""Vowel signs of Indian scripts: marks that take room, which a regular expression does not count as letters."""

_DROPPED = frozenset({"Cf", "Mn", "Me"})


_TABLE = {ord(shape): letter for letter, shapes in _SHAPES.items() for shape in shapes} | _INVISIBLE | _BADGES


def plain(character: str) -> str:
    """What one character looks like: lower-case Latin letters, digits, or itself without marks; maybe nothing."""
    bare = _CAPITALS.get(character) or _bare(_bare(character).casefold().translate(_TABLE))
    return "".join(str(unicodedata.digit(c, c)) for c in bare)


def _bare(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if unicodedata.category(c) not in _DROPPED)


def is_turned(character: str) -> bool:
    """Whether a letter stands on its head."""
    return character in _TURNED


def upright(word: str) -> str:
    """A folded word read from the other side of the page: `ǝpnu`, folded to `epnu`, says nude."""
    return word[::-1].translate(_UPSIDE)
