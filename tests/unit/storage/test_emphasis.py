"""Brackets in a prompt mean what they mean in AUTOMATIC1111's web UI."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.emphasis import MAX_WEIGHT, is_overweight, read_emphasis, shown

SYNTAX = st.text(alphabet="ab (): .1[]\\,B", max_size=60).map(lambda text: text.replace("B", " BREAK "))


def pieces(prompt: str) -> list[list[tuple[str, float]]]:
    return [[(piece.text, round(piece.weight, 6)) for piece in section] for section in read_emphasis(prompt)]


# The second half of these are the examples in the docstring of that project's own parser.
EXAMPLES = {
    "a (red) ball": [("a ", 1), ("red", 1.1), (" ball", 1)],
    "a (red:1.3) ball": [("a ", 1), ("red", 1.3), (" ball", 1)],
    "a [red] ball": [("a ", 1), ("red", 0.909091), (" ball", 1)],
    "((red) ball:1.5)": [("red", 1.65), (" ball", 1.5)],
    "[(red)]": [("red", 1)],
    "(red : 1.3 )": [("red ", 1.3)],
    "(red:.5)(blue:2.)(sky:-1)": [("red", 0.5), ("blue", 2), ("sky", -1)],
    "a: b": [("a: b", 1)],
    "red:1.3) [x:0.5]": [("red:1.3) ", 1), ("x:0.5", 0.909091)],
    "red) ball]": [("red) ball]", 1)],
    r"a\b\\c": [("ab\\c", 1)],
    "": [],
    "()": [],
    "normal text": [("normal text", 1)],
    "(unbalanced": [("unbalanced", 1.1)],
    r"\(literal\]": [("(literal]", 1)],
    "(unnecessary)(parens)": [("unnecessaryparens", 1.1)],
    "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).": [
        ("a ", 1), ("house", 1.573), (" ", 1.1), ("on", 1), (" a ", 1.1), ("hill", 0.55), (", sun, ", 1.1),
        ("sky", 1.4641), (".", 1.1),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("prompt", "expected"), EXAMPLES.items())
def test_brackets_weigh_what_they_enclose(prompt: str, expected: list[tuple[str, float]]) -> None:
    assert pieces(prompt) == [expected]


def test_break_parts_sections_and_leaves_the_weights_alone() -> None:
    assert pieces("a BREAK b") == [[("a ", 1)], [(" b", 1)]]
    assert pieces("(a BREAK b:1.4)") == [[("a ", 1.4)], [(" b", 1.4)]]
    assert pieces("BREAK") == [[], []]
    assert pieces("BREAKFAST, a break") == [[("BREAKFAST, a break", 1)]]


@given(SYNTAX)
def test_every_character_knows_its_place_and_none_is_made_up(prompt: str) -> None:
    for section in read_emphasis(prompt):
        places = [place for piece in section for place in piece.places]
        assert places == sorted(set(places))
        for piece in section:
            assert piece.text
            assert piece.text == "".join(prompt[place] for place in piece.places)


@given(SYNTAX, st.sampled_from(["|", ""]))
def test_the_judges_reading_is_as_long_as_its_places(prompt: str, seam: str) -> None:
    text, places = shown(prompt, seam)
    assert len(text) == len(places)
    assert all(0 <= place < len(prompt) for place in places)


@given(st.text(alphabet="abc ,.:", max_size=40))
def test_a_prompt_without_brackets_is_one_piece(prompt: str) -> None:
    assert pieces(prompt) == [[(prompt, 1)] if prompt else []]
    assert shown(prompt, "|")[0] == prompt


def test_a_judge_reads_no_weights_and_sees_the_seams() -> None:
    prompt = "a (wo)(rd:1.2), [x] BREAK y"
    assert shown(prompt, "|")[0] == "a |wo|rd|, |x| \n y"
    assert shown(prompt, "")[0] == "a word, x \n y"


@pytest.mark.parametrize(
    "prompt", ["(x:101)", "(x:-101)", "(" * 60 + "x", "(((x:9)y:9)z:9)", "((x:" + "9" * 400 + "):0)"]
)
def test_absurd_weights_are_known(prompt: str) -> None:
    assert is_overweight(prompt)


def test_usual_weights_are_welcome() -> None:
    assert not is_overweight(f"(((a:1.5))) [[[b]]] (c:{MAX_WEIGHT}) (d:-2) \\({'9' * 50}\\)")
