"""The API image carries no neural network: the interface serves a submit where torch cannot be imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path

HEAVY = {"torch", "diffusers", "transformers", "safetensors", "scipy", "worker"}

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HEAVY:
            raise ModuleNotFoundError(f"{name} is not in this image", name=name)

sys.meta_path.insert(0, Absent())
from tests.contract.api.serving import request, running

with running(Path(sys.argv[1])) as stack, stack.tenant("light").http as http:
    answer = http.post("/v1/jobs", json=request())
    loaded = sorted(HEAVY & {name.partition(".")[0] for name in sys.modules})
    print(answer.status_code, answer.json()["status"], loaded, file=sys.stderr)
"""


def test_a_job_is_taken_without_torch(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=100, check=False)

    assert done.returncode == 0, done.stderr
    # The log goes to the other stream: a line of the doorbell's thread may come at any moment.
    assert "202 queued []" in done.stderr.splitlines()
