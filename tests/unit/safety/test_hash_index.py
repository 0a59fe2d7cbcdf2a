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


def test_a_bank_full_of_the_same_hash_is_searched_too() -> None:
    assert HashIndex(["ab" * 32] * 3000).closest(["ab" * 32] * 50) == BITS
