"""The search for the nearest hash must miss no copy."""

from hypothesis import given
from hypothesis import strategies as st

from safety.hash_index import BITS, HashIndex
from safety.hashes import MAX_DISTANCE, distance

HASHES = st.integers(0, 2**BITS - 1).map(lambda number: f"{number:064x}")
TURNED = st.sets(st.integers(0, BITS - 1), max_size=MAX_DISTANCE)


@given(st.lists(HASHES, min_size=1, max_size=20), st.data(), TURNED)
def test_every_hash_within_31_bits_is_found_and_its_distance_is_exact(
    known: list[str], data: st.DataObject, turned: set[int]
) -> None:
    near = int(data.draw(st.sampled_from(known)), 16) ^ sum(1 << bit for bit in turned)
    sought = [f"{near:064x}", *data.draw(st.lists(HASHES, max_size=20))]
    expected = min(distance(a, b) for a in sought for b in known)
    assert HashIndex(known).closest(sought) == BITS - expected


@given(st.lists(HASHES, max_size=20), st.lists(HASHES, max_size=40))
def test_no_pair_is_ever_said_to_be_more_alike_than_it_is(known: list[str], sought: list[str]) -> None:
    expected = max((BITS - distance(a, b) for a in sought for b in known), default=0)
    assert HashIndex(known).closest(sought) <= expected


@given(HASHES, st.lists(st.integers(0, 14), min_size=16, max_size=16), st.integers(0, 15), st.integers(0, 15))
def test_the_one_stretch_that_agrees_but_for_a_bit_is_enough(
    known: str, pairs: list[int], stretch: int, bit: int
) -> None:
    # Two bits turned over in every stretch but one, and a single bit in that one: 31 in all.
    turned = sum(3 << (16 * k + low) for k, low in enumerate(pairs) if k != stretch) | 1 << (16 * stretch + bit)
    assert HashIndex([known]).closest([f"{int(known, 16) ^ turned:064x}"]) == BITS - MAX_DISTANCE


def test_a_bank_full_of_the_same_hash_is_searched_too() -> None:
    assert HashIndex(["ab" * 32] * 3000).closest(["ab" * 32] * 50) == BITS
