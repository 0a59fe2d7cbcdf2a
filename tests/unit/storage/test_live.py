"""Live news survives its way as bytes, and a preview that nobody has seen is not lost to the next step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.live import Live, channel_of, from_message, job_of_channel, to_message

steps = st.integers(0, 10_000)
news = st.builds(
    Live, attempt=steps, step=steps, steps=steps, preview=st.none() | st.sampled_from(["", "data:,\u00e9"])
)


@given(st.none() | news)
def test_a_message_says_what_was_put_in(live: Live | None) -> None:
    assert from_message(to_message(live)) == live


@given(st.binary() | st.sampled_from([b"[]", b"7", b'{"attempt": 1}', b'{"attempt":1,"step":2,"steps":3,"preview":4}']))
def test_whatever_else_comes_is_a_hint_to_look(message: bytes) -> None:
    assert from_message(message) is None


def test_a_channel_leads_back_to_its_job() -> None:
    assert job_of_channel(channel_of("job_1")) == "job_1"
    assert channel_of("job_1") != channel_of("job_2")


@pytest.mark.parametrize(
    ("older", "newer", "kept"),
    [
        (None, Live(1, 2, 9), None),
        (Live(1, 1, 9, "old"), Live(1, 2, 9), "old"),
        (Live(1, 1, 9, "old"), Live(1, 2, 9, "new"), "new"),
        (Live(1, 8, 9, "old"), Live(2, 0, 9), None),
    ],
)
def test_an_unseen_preview_is_kept_within_its_attempt(older: Live | None, newer: Live, kept: str | None) -> None:
    assert newer.over(older) == Live(newer.attempt, newer.step, 9, kept)
