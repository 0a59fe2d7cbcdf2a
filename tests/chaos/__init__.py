"""Chaos: a whole deployment under random faults, and the oracle that says whether anything was lost or doubled."""
