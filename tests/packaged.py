"""The packaged policy for all tests that only ask it, since reading it takes a sixth of a second."""

from __future__ import annotations

from safety.policy import load_policy

POLICY = load_policy()
