"""Skipped with a sentence where the others of this folder cannot run."""

from __future__ import annotations

import pytest


def test_there_is_a_browser(request: pytest.FixtureRequest) -> None:
    browser = request.getfixturevalue("chromium")
    assert int(browser.version.split(".")[0]) >= 120, "an older one lacks what the style sheet uses"
