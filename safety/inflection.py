"""The forms of an English word, so that a list of words need name it once."""

_IRREGULAR = {
    "bite": "bit bitten", "blow": "blew blown", "break": "broke broken", "buy": "bought", "child": "children",
    "cut": "", "draw": "drew drawn", "drink": "drank drunk", "eat": "ate eaten", "fall": "fell fallen",
    "foot": "feet", "get": "got gotten", "give": "gave given", "hang": "hung", "hide": "hid hidden", "hold": "held",
    "knife": "knives", "leave": "left", "lose": "lost", "make": "made", "man": "men", "put": "", "ride": "rode ridden",
    "see": "saw seen", "set": "", "shake": "shook shaken", "shave": "shaven", "shoot": "shot", "show": "shown",
    "slit": "", "stand": "stood", "steal": "stole stolen", "stick": "stuck", "swap": "", "take": "took taken",
    "tear": "tore torn", "thief": "thieves", "throw": "threw thrown", "wear": "wore worn", "wife": "wives",
    "woman": "women", "write": "wrote written",
}  # fmt: skip
_VOWELS = "aeiou"


def forms(word: str) -> tuple[str, ...]:
    """`word` (lower case), and its plural, third person, past and participles, as verb and as noun alike.

    Spelled by rule, with the irregular ones of a small table. A form that does not exist does no harm.
    """
    if word.endswith("e"):
        made = [f"{word}s", f"{word}d", f"{word[:-1]}ing"]
    elif word.endswith("y") and word[-2:-1] not in _VOWELS:
        made = [f"{word[:-1]}ies", f"{word[:-1]}ied", f"{word}ing"]
    else:
        plural = "es" if word.endswith(("s", "x", "z", "ch", "sh")) else "s"
        stems = [word, word + word[-1]] if _doubles(word) else [word]
        made = [word + plural, *(stem + ending for stem in stems for ending in ("ed", "ing"))]
    return tuple(dict.fromkeys([word, *made, *_IRREGULAR.get(word, "").split()]))


def _doubles(word: str) -> bool:
    """Whether the last letter may be doubled: one consonant after one vowel, as in `strip`."""
    return len(word) > 2 and word[-1] not in _VOWELS + "wxy" and word[-2] in _VOWELS and word[-3] not in _VOWELS
