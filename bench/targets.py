"""Figures beside what was promised."""

from __future__ import annotations

Row = tuple[str, float, str, float]
"""Name, value, ">=" or "<=", target."""


def report(rows: list[Row]) -> int:
    """Prints each and whether it was met; the exit code of a benchmark."""
    missed = 0
    for name, value, sign, target in rows:
        met = value >= target if sign == ">=" else value <= target
        missed += not met
        print(f"{name:<44} {value:8.2f}   target {sign} {target:g}   {'met' if met else 'MISSED'}")
    return 1 if missed else 0
