"""The models on offer: can they be read, and are their files here and whole?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from producer.doctor.finding import Finding, Outcome
from storage.errors import SettingsError
from storage.models import ModelDescriptor, describe
from storage.safetensors_header import missing_bytes

WEIGHTS = (".safetensors", ".bin", ".ckpt")


def examine_model(alias: str, source: str) -> Iterator[Finding]:
    """What is known of one model, and of its weights as far as they are on this machine."""
    what = f"model {alias}"
    try:
        model = describe(alias, source)
    except SettingsError as error:
        yield Finding(what, Outcome.FAIL, str(error))
        return
    if model.can.assumed:
        advice = "this machine cannot look into it; the log of the worker that loads it tells whether it fits"
        yield Finding(what, Outcome.WARN, f"{model.name}: {advice}")
    else:
        yield Finding(what, Outcome.OK, f"{model.name}, {model.can.family}, {model.can.native_size} px")
    yield _check_files(model)


def _check_files(model: ModelDescriptor) -> Finding:
    what, files = f"files of {model.alias}", _weights(model)
    if not files:
        advice = "fine for API and keeper; a worker fetches a hub model at its start, and needs a folder to be whole"
        return Finding(what, Outcome.OK, f"no weights on this machine: {advice}")
    for file in files:
        try:
            missing = missing_bytes(file) if file.suffix == ".safetensors" else int(file.stat().st_size == 0)
        except (OSError, ValueError) as problem:
            return Finding(what, Outcome.FAIL, f"{file} cannot be read ({problem}); fetch it again")
        if missing:
            return Finding(what, Outcome.FAIL, f"{file} is cut short by {missing} bytes; fetch it again")
    size = sum(file.stat().st_size for file in files)
    return Finding(what, Outcome.OK, f"{len(files)} files of weights, {size / 1e9:.2f} GB, none cut short")


def _weights(model: ModelDescriptor) -> list[Path]:
    if (folder := model.folder) is not None:
        return sorted(file for file in folder.rglob("*") if file.suffix in WEIGHTS)
    file = Path(model.source).expanduser()
    return [file] if file.is_file() else []
