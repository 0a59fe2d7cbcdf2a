"""Tries out what callers are told of the queue: notes when a few jobs should start, and compares."""

from __future__ import annotations

from producer.keeper.keeper import Duty
from storage.forecaster import Forecaster

SECONDS = 5.0


def forecasting(forecaster: Forecaster) -> Duty:
    """The duty of forecasting."""
    return Duty("forecast", SECONDS, forecaster.turn)
