"""How long one job takes from submit to a fetchable result, alone on this machine.

    python bench/job_latency.py

Starts the embedded stack (Redis, SQLite, local objects, one CPU worker with the pocket model), sends one job at a
time, 128 px and 20 steps, and prints the median of 9 after one to warm up. Exits 1 if the median is over 3 s.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from producer.client import Client
from producer.local import LocalStack

SIZE, STEPS, JOBS, LIMIT_SECONDS = 128, 20, 9, 3.0


def png(image: Image.Image) -> bytes:
    """A picture as a file."""
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def scene(side: int) -> tuple[bytes, bytes]:
    """A grainy picture, `side` pixels wide and high, and a box to repaint."""
    noise = np.random.default_rng(0).integers(60, 200, (side, side, 3), dtype=np.uint8)
    mask = Image.new("L", (side, side), 0)
    ImageDraw.Draw(mask).rectangle([side // 4, side // 4, side * 3 // 4 - 1, side * 3 // 4 - 1], fill=255)
    return png(Image.fromarray(noise)), png(mask)


def main() -> int:
    """The program."""
    image, mask = scene(SIZE)
    rows: list[tuple[float, float]] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalStack(Path(folder)) as stack,
        Client(stack.url, stack.key) as client,
    ):
        for seed in range(JOBS + 1):
            began = time.perf_counter()
            job = client.submit(image, mask, "a red circle", seed=seed, steps=STEPS)
            job = client.wait(job["id"])
            client.download(job)
            rows.append((time.perf_counter() - began, job["receipt"]["timings"]["denoise"]))
    total, denoise = (statistics.median(row[column] for row in rows[1:]) for column in (0, 1))
    print(f"{STEPS} steps at {SIZE} px, one job at a time, median of {JOBS}")
    print(f"  submit to downloaded result  {total:6.2f} s   (limit {LIMIT_SECONDS:.0f} s)")
    print(f"  of which denoising           {denoise:6.2f} s")
    return int(total > LIMIT_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
