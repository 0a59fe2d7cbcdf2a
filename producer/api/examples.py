"""A job as the documentation shows it."""

from __future__ import annotations

from pydantic import JsonValue

from storage.params import InpaintParams

_ID = "job_06f3kq5x6m8v2n4p7r9t1w3y5a"
_SHA = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
_IMAGE: dict[str, JsonValue] = {
    "index": 0,
    "url": f"/v1/jobs/{_ID}/images/0",
    "sha256": _SHA,
    "width": 512,
    "height": 512,
    "content_type": "image/png",
    "seed": 7,
    "watermark_id": "3f81c09ab",
}
_RECEIPT: dict[str, JsonValue] = {
    "actual_steps": 30,
    "crop_box": [0, 0, 512, 512],
    "untouched": {"checked": True, "pixels": 240000, "sha256": _SHA},
    "dropped_text": {"prompt": "", "negative_prompt": ""},
    "timings": {"queued": 0.01, "load": 0.02, "denoise": 2.1, "check": 0.2, "mark": 0.1, "save": 0.05},
}
EXAMPLE: dict[str, JsonValue] = {
    "id": _ID,
    "object": "job",
    "status": "succeeded",
    "created_at": "2026-01-02T03:04:05.678Z",
    "started_at": "2026-01-02T03:04:05.690Z",
    "finished_at": "2026-01-02T03:04:08.200Z",
    "attempt": 1,
    "attempts": {"started": 1, "crashed": 0, "failed": 0},
    "priority": "standard",
    "batch": None,
    "user": None,
    "metadata": {},
    "progress": {"step": 30, "steps": 30},
    "queue": {"position": None, "eta_seconds": None, "eta_error_seconds": None},
    "params": InpaintParams(prompt="a red circle").resolved(native_size=512, seed=7).model_dump(mode="json"),
    "model": {"alias": "default", "name": "inpaint-pocket", "sha256": _SHA},
    "images": [_IMAGE],
    "safety": {"action": "allow", "policy": "inpaint-default@2026.1.0", "findings": []},
    "receipt": _RECEIPT,
    "erased_at": None,
    "error": None,
    "links": {"self": f"/v1/jobs/{_ID}", "cancel": f"/v1/jobs/{_ID}/cancel", "events": f"/v1/jobs/{_ID}/events"},
}
"""Every key that a job has, as of one that succeeded."""
