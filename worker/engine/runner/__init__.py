"""The runner of real diffusers models: everything in the engine that touches tensors."""

from worker.engine.runner.diffusers_runner import DiffusersRunner
from worker.engine.runner.warming import decode_chunk, measured_rows, warm_up

__all__ = ["DiffusersRunner", "decode_chunk", "measured_rows", "warm_up"]
