"""Opening the engine: a runner for each model, a row budget, and everything run once before the first job."""

from __future__ import annotations

from collections.abc import Mapping

from worker.engine.dispatch import Dispatch
from worker.engine.engine import Engine
from worker.engine.runner import DiffusersRunner, decode_chunk, measured_rows, warm_up
from worker.models import LoadedModel
from worker.settings import WorkerSettings


def open_engine(models: Mapping[str, LoadedModel], settings: WorkerSettings) -> Engine:
    """A running engine that has run every model once.

    Raises ModelUnusable, NumericalFailure, OutOfMemory and DeviceLost.
    """
    runners = {
        alias: DiffusersRunner(
            model,
            fixed_rows=settings.fixed_rows,
            compiled=settings.compile,
            previews=settings.preview_every > 0,
        )
        for alias, model in models.items()
    }
    rows = settings.fixed_rows or settings.row_budget or min(map(measured_rows, runners.values()))
    # All of them pad alike: they have one device and one setting.
    padded = next(iter(runners.values())).padded
    engine = Engine(Dispatch(runners), rows, min(map(decode_chunk, runners.values())), padded=padded)
    engine.start()
    try:
        for runner in runners.values():
            engine.call(lambda: warm_up(runner, rows)).result()  # noqa: B023  (waited for at once)
    except BaseException:
        engine.close()
        raise
    return engine
