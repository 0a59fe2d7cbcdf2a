import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.text_normal import fold, words

LETTERS = st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=12)


def _whole(row: str) -> list[str]:
    return [row]


def _readings(text: str) -> set[str]:
    return {reading for tokens in words(text, _whole) for token in tokens for reading in token.readings}


@given(st.text(max_size=60))
def test_any_text_can_be_read_and_every_word_lies_in_it(text: str) -> None:
    for tokens in words(text, _whole):
        for token in tokens:
            assert 0 <= token.start < token.end <= len(text)
            assert token.width >= 1


@given(st.text(max_size=60))
def test_folding_twice_changes_nothing(text: str) -> None:
    once, _ = fold(text)
    assert fold(once)[0] == once


@given(LETTERS)
def test_disguises_come_off(word: str) -> None:
    assert word in _readings("\u200b".join(word))
    assert word in _readings("".join(letter + "\u0301" for letter in word))
    assert word in _readings("".join(chr(ord(letter) + 0xFEE0) for letter in word))
    assert word in _readings("".join(chr(ord(letter) + 0x1D3B9) for letter in word))
    assert word in _readings(" ".join(word))
    assert word in _readings(".".join(word))
    assert word in _readings(word.upper())


@pytest.mark.parametrize(
    ("disguised", "word"),
    [
        ("nud\u0435", "nude"),
        ("ɴᴜᴅᴇ", "nude"),
        ("Ꮃоmаո", "woman"),
        ("🅽🆄🅳🅴", "nude"),
        ("ǝpnu", "nude"),
        ("n4k3d", "naked"),
        ("$ex", "sex"),
        ("k1ll", "kill"),
        ("nuuuude", "nude"),
        ("nnuuddee", "nude"),
        ("s+rip", "strip"),
        ("1З", "13"),
        ("1o", "10"),
        ("١٣", "13"),
    ],
)
def test_look_alikes_leet_turned_and_stretched_letters(disguised: str, word: str) -> None:
    assert word in _readings(disguised)


def test_ordinary_doubled_letters_stay() -> None:
    assert "raping" not in _readings("a man rapping")
    assert "bare" not in _readings("barre")


def test_spread_words_stay_apart() -> None:
    assert [tokens[0].readings[0] for tokens in words("a g.i.r.l i.n", _whole)] == ["a", "girl", "in"]


def test_a_word_knows_its_place_in_the_original() -> None:
    text = "¡n\u200bu\u0301de!"
    token = words(text, _whole)[-1][0]
    assert text[token.start : token.end] == "n\u200bu\u0301de"


def test_every_sign_of_a_script_without_spaces_is_a_word() -> None:
    assert [tokens[0].readings[0] for tokens in words("服を脱", _whole)] == ["服", "を", "脱"]
