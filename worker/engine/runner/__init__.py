"""The runner of real diffusers models: everything in the engine that touches tensors."""

from worker.engine.runner.diffusers_runner import DiffusersRunner

__all__ = ["DiffusersRunner"]
