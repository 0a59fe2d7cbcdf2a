"""The engine as on a GPU: padded calls, CUDA graphs, the host one call ahead; each picture still its solo run."""

from dataclasses import replace
from itertools import product

import pytest
import torch

from storage.params import SchedulerName
from tests.unit.engine.pretended import PRETENDED, PretendedGpu
from tests.unit.engine.requests import cell_mask, noise_image, request
from tests.unit.engine.solo import RecordingRunner, relative_error, solo
from worker.engine.engine import Engine
from worker.engine.runner import decode_chunk
from worker.engine.runner import warming as warming_module
from worker.engine.runner.unet import LADDER
from worker.engine_room import open_engine
from worker.models import LoadedModel
from worker.settings import WorkerSettings

pytestmark = [
    # diffusers' sigma schedulers still convert tensors the way of NumPy 1.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    # The solo pipeline corrects PNDM's configuration and says so.
    pytest.mark.filterwarnings("ignore:The configuration file of this scheduler:FutureWarning"),
]

TOLERANCE = 1e-5


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> PretendedGpu:
    return PretendedGpu(monkeypatch)


def test_every_scheduler_equals_its_solo_run_through_graphs(model: LoadedModel, gpu: PretendedGpu) -> None:
    items = [
        request(
            f"{name}-{guidance}", scheduler=name, guidance_scale=guidance, steps=steps, strength=strength, seed=steps
        )
        for steps, ((name, guidance), strength) in enumerate(
            zip(product(SchedulerName, [1.0, 7.5]), [1.0, 0.6] * 8, strict=True), start=3
        )
    ]
    runner = RecordingRunner(replace(model, device=PRETENDED))
    engine = Engine(runner, row_budget=12, decode_chunk=decode_chunk(runner))
    futures = [engine.submit(item) for item in items]
    while engine.turn():
        pass
    assert all(future.exception(0) is None for future in futures)
    for item in items:
        assert relative_error(runner.finished[item.id], solo(model, item, "latent")) <= TOLERANCE, item.id
    assert set(gpu.recorded) <= set(LADDER)
    assert len(gpu.recorded) == len(set(gpu.recorded)), "each size is recorded once"
    assert len(gpu.replayed) == len(runner.calls) == gpu.waits + 1


def test_sizes_have_graphs_of_their_own(model: LoadedModel, gpu: PretendedGpu) -> None:
    runner = RecordingRunner(replace(model, device=PRETENDED))
    small, wide = request("small"), request("wide", image=noise_image(0, 64, 72), mask=cell_mask(64, 72))
    for item in (small, wide, small):
        trajectory = runner.begin(item)
        runner.predict([trajectory])
    assert gpu.recorded == [2, 2]
    assert gpu.replayed == [2, 2, 2]


def test_a_replay_leaves_earlier_predictions_alone(model: LoadedModel, gpu: PretendedGpu) -> None:
    runner = RecordingRunner(replace(model, device=PRETENDED))
    first, second = (runner.begin(request(str(seed), seed=seed)) for seed in (1, 2))
    kept = runner.predict([first])[0]
    copy = kept.clone()
    assert not torch.equal(runner.predict([second])[0], kept)
    assert torch.equal(kept, copy)


def test_warm_up_records_every_size_the_largest_first(
    model: LoadedModel, gpu: PretendedGpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Memory:
        def free(self) -> int:
            return 1300

        def peak_of(self, work: object) -> int:
            self.asked = getattr(self, "asked", 0) + 1
            return {1: 100, 2: 200, 3: 800}[self.asked]  # four pictures decoded, 2 rows, 8 rows

    monkeypatch.setattr(warming_module, "CudaMemory", Memory)
    engine = open_engine({"default": replace(model, device=PRETENDED)}, WorkerSettings.from_env({}))
    assert gpu.recorded == [8, 6, 4, 2, 1]
    futures = [engine.submit(request(str(k), steps=3)) for k in range(8)]
    assert all(future.result(60).actual_steps == 3 for future in futures)
    assert gpu.recorded == [8, 6, 4, 2, 1], "ten rows would have fitted, but not the twelve that they are padded to"
    engine.close()
