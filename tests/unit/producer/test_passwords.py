"""Passwords of moderators."""

from __future__ import annotations

from argon2 import extract_parameters

from producer.moderation import passwords


def test_an_unknown_name_takes_as_much_work_as_a_wrong_password() -> None:
    assert extract_parameters(passwords._NOBODY) == extract_parameters(passwords.hashed("a password that is kept"))
    assert not passwords.fits("a password that is kept", None)
