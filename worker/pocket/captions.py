"""Captions: what a scene is, said in many ways."""

import re
from dataclasses import dataclass

import numpy as np

from worker.pocket.shapes import COLOURS, SHAPES

COLOUR_NAMES: tuple[str, ...] = tuple(COLOURS)
SIZES: tuple[str, ...] = ("small", "any", "large")
EMPTY_SHARE = 0.10

_SHAPE_FORMS = (
    "{a}{s}{c} {n}",
    "{a}{s}{c} {n}",
    "{a}{s}{c} {n}",
    "{s}{c} {n}",
    "a photo of {a}{s}{c} {n}",
    "a picture of {a}{s}{c} {n}",
    "an image of {a}{s}{c} {n}",
    "draw {a}{s}{c} {n}",
    "draw {a}{s}{c} {n} here",
    "put {a}{s}{c} {n} here",
    "paint {a}{s}{c} {n}",
    "add {a}{s}{c} {n}",
    "please add {a}{s}{c} {n}",
    "there is {a}{s}{c} {n}",
    "{a}{n} that is {c}",
    "{a}{s}{n} in {c}",
    "{a}{n}, {c}",
    "{c} {n} on a wall",
    "make it {a}{s}{c} {n}",
    "replace with {a}{s}{c} {n}",
    "one {s}{c} {n}",
    "{a}{s}{c} {n} in the middle",
)
_TAILS = (
    "",
    "",
    "",
    "",
    "",
    "",
    ".",
    "!",
    ", high quality",
    ", 4k",
    " on a table",
    " on a plain background",
    ", highly detailed",
    " in the sky",
    ", flat colours",
    ", sharp",
    " in a room",
    ", digital art",
    " please",
)
_PATTERN_FORMS = (
    "the inpaintd test pattern",
    "inpaintd test pattern",
    "the inpaintd test pattern here",
    "test pattern of inpaintd",
    "draw the inpaintd test pattern",
    "a photo of the inpaintd test pattern",
    "please draw the inpaintd test pattern",
)
_NOTHING_FORMS = (
    "background",
    "empty background",
    "a beautiful empty scene",
    "nothing here",
    "remove the object",
    "nothing",
    "photograph of a beautiful empty scene, highest quality settings",
    "clean background",
    "fill in the background",
)
_COLOUR_ONLY_FORMS = ("{c}", "something {c}", "a {c} thing", "make it {c}", "paint it {c}")
_SHAPE_ONLY_FORMS = ("{n}", "a {n}", "the {n}", "draw a {n}", "a picture of a {n}", "put a {n} here")
_SMALL_WORDS, _LARGE_WORDS = ("small ", "little ", "tiny "), ("large ", "big ", "huge ")


@dataclass(frozen=True)
class Subject:
    """What belongs in the hole: a coloured shape, the test pattern, or nothing but background."""

    kind: str
    colour: str = ""
    shape: str = ""
    size: str = "any"


PATTERN = Subject("pattern")
NOTHING = Subject("nothing")


def draw_subject(rng: np.random.Generator, colours: tuple[str, ...] = COLOUR_NAMES) -> Subject:
    """A subject at random: mostly shapes, some test patterns, some plain background."""
    roll = rng.random()
    if roll < 0.07:
        return PATTERN
    if roll < 0.12:
        return NOTHING
    size = str(rng.choice(SIZES, p=(0.12, 0.76, 0.12)))
    return Subject("shape", str(rng.choice(colours)), str(rng.choice(SHAPES)), size)


def caption_of(rng: np.random.Generator, subject: Subject) -> str:
    """One wording of the subject, letter case varied."""
    if subject.kind == "shape":
        text = _shape_caption(rng, subject)
    else:
        text = str(rng.choice(_PATTERN_FORMS if subject.kind == "pattern" else _NOTHING_FORMS))
    text += str(rng.choice(_TAILS))
    styles = (str.lower, str.capitalize, str.upper, str.title)
    return styles[int(rng.choice(4, p=(0.7, 0.2, 0.05, 0.05)))](text)


def _shape_caption(rng: np.random.Generator, subject: Subject) -> str:
    if subject.size == "any" and rng.random() < 0.08:
        partial = str(rng.choice(_COLOUR_ONLY_FORMS if rng.random() < 0.5 else _SHAPE_ONLY_FORMS))
        return partial.format(c=subject.colour, n=subject.shape)
    words = {"small": _SMALL_WORDS, "large": _LARGE_WORDS, "any": ("",)}[subject.size]
    size = str(rng.choice(words))
    form = str(rng.choice(_SHAPE_FORMS if subject.size == "any" else [f for f in _SHAPE_FORMS if "{s}" in f]))
    first = (size or subject.colour) if "{a}{s}{c}" in form else (size or subject.shape)
    article = str(rng.choice([("an " if first[0] in "aeiou" else "a "), "", "the "], p=(0.7, 0.15, 0.15)))
    return form.format(a=article, s=size, c=subject.colour, n=subject.shape)


def size_word_of(words: set[str]) -> str:
    """Which of `SIZES` a set of words asks for."""
    if words & {w.strip() for w in _SMALL_WORDS}:
        return "small"
    return "large" if words & {w.strip() for w in _LARGE_WORDS} else "any"


def known_words() -> list[str]:
    """Every word a caption can hold, sorted: the tokenizer spells each as one token."""
    forms = (
        *_SHAPE_FORMS,
        *_COLOUR_ONLY_FORMS,
        *_SHAPE_ONLY_FORMS,
        *_TAILS,
        *_PATTERN_FORMS,
        *_NOTHING_FORMS,
        *_SMALL_WORDS,
        *_LARGE_WORDS,
    )
    text = " ".join((*forms, *COLOUR_NAMES, *SHAPES, "an")).replace("{", " ").replace("}", " ")
    return sorted(set(re.findall(r"[a-z]+", text.lower())) - {"s", "c", "n"})
