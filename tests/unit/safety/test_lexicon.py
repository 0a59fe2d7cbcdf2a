import pytest

from safety.inflection import forms
from safety.lexicon import Lexicons

LISTS = {
    "verb": ["remove~", "take~ .. off", "clean~ up"],
    "thing": ["dress|gown", "bath robe", "watermark*"],
    "both": ["<verb> .. <thing>"],
    "age": ["<18 years", "<18yo"],
    "slips": ["remove"],
    "han": ["裸体"],
}
LEXICONS = Lexicons(LISTS, misspelled=["slips"])


def _found(text: str, name: str) -> list[str]:
    return [text[hit.start : hit.end] for hit in LEXICONS.search(text) if hit.lexicon == name]


@pytest.mark.parametrize(
    ("text", "name", "found"),
    [
        ("removing it", "verb", ["removing"]),
        ("take it all off", "verb", ["take it all off"]),
        ("take it and all that off", "verb", []),
        ("gowns, a gown", "thing", ["gown"]),
        ("bath robe", "thing", ["bath robe"]),
        ("watermarked", "thing", ["watermarked"]),
        ("removed her old dress", "both", ["removed her old dress"]),
        ("12 years", "age", ["12 years"]),
        ("twelve years", "age", ["twelve years"]),
        ("18 years", "age", []),
        ("7yo", "age", ["7yo"]),
        ("rem ove", "slips", ["rem ove"]),
        ("remvoe", "slips", ["remvoe"]),
        ("remote", "slips", []),
        ("removetheirgown", "both", []),
        ("removethegown", "both", ["removethegown"]),
        ("r e m o v e t h e g o w n", "both", ["r e m o v e t h e g o w n"]),
        ("一个裸体的人", "han", ["裸体"]),
    ],
)
def test_what_an_entry_finds(text: str, name: str, found: list[str]) -> None:
    assert _found(text, name) == found


def test_names_are_two_words_with_capitals_after_one_without() -> None:
    assert _found("she sees Gwen Harlow there", "proper_name") == ["Gwen Harlow"]
    assert _found("Remove The Gown of Gwen", "proper_name") == []


@pytest.mark.parametrize(
    ("word", "some"),
    [
        ("strip", {"strips", "stripped", "stripping"}),
        ("remove", {"removes", "removed", "removing"}),
        ("body", {"bodies"}),
        ("dress", {"dresses", "dressed", "dressing"}),
        ("woman", {"women"}),
        ("tear", {"tore", "torn"}),
    ],
)
def test_forms_of_a_word(word: str, some: set[str]) -> None:
    assert some <= set(forms(word))
