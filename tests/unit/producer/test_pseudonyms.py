"""Pseudonyms of end-users."""

from __future__ import annotations

from producer.pseudonyms import pseudonym


def test_a_pseudonym_is_stable_and_differs_by_user_tenant_and_secret() -> None:
    made = pseudonym("s", "tnt_a", "ann")

    assert made == pseudonym("s", "tnt_a", "ann")
    assert (
        len({made, pseudonym("s", "tnt_a", "bob"), pseudonym("s", "tnt_b", "ann"), pseudonym("t", "tnt_a", "ann")}) == 4
    )


def test_tenant_and_user_do_not_run_into_each_other() -> None:
    assert pseudonym("s", "tnt_a", "bc") != pseudonym("s", "tnt_ab", "c")
