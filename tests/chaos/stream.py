"""A stream of jobs from several callers, who behave as callers do: they retry, cancel, set deadlines, or give up."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from random import Random
from typing import Any

import httpx
import numpy as np
from PIL import Image, ImageDraw

from tests.chaos.deployment import Deployment
from tests.service import data_uri

SIDE, STEPS = 64, 3
CALLERS = 4
PROMPTS = 1000
RETRY_SECONDS = 0.2


def pictures() -> tuple[str, str]:
    """A small picture and its mask, as data URIs."""
    grain = np.random.default_rng(1).integers(60, 200, (SIDE // 4, SIDE // 4, 3), dtype=np.uint8)
    mask = Image.new("L", (SIDE, SIDE), 0)
    ImageDraw.Draw(mask).rectangle([20, 20, 44, 44], fill=255)
    return data_uri(Image.fromarray(grain).resize((SIDE, SIDE))), data_uri(mask)


class Stream:
    """Sends `count` jobs; `accepted` holds the ids that callers were told of, `wrong` what they were told instead."""

    def __init__(
        self, deployment: Deployment, count: int, seed: int, webhook_url: str, pace: Callable[[], None] = lambda: None
    ) -> None:
        """`pace()` returns when the next job may be sent."""
        self.accepted: set[str] = set()
        self.hooked: set[str] = set()
        self.wrong: list[str] = []
        self.given_up: list[int] = []
        self._deployment = deployment
        self._count = count
        self._seed = seed
        self._webhook_url = webhook_url
        self._pace = pace
        self._numbers = itertools.count()
        self._image, self._mask = pictures()
        self._threads = [
            threading.Thread(target=self._call, args=[n], name=f"caller-{n}", daemon=True) for n in range(CALLERS)
        ]

    @property
    def sent(self) -> int:
        """Jobs that were answered or given up."""
        return len(self.accepted) + len(self.wrong) + len(self.given_up)

    def start(self) -> None:
        """Begins to send."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Begins no more jobs, however many were asked for."""
        self._count = 0

    def join(self) -> None:
        """Returns when every job was sent."""
        for thread in self._threads:
            thread.join()

    def _call(self, caller: int) -> None:
        rng = Random(f"{self._seed}-{caller}")
        key = self._deployment.keys[caller % len(self._deployment.keys)]
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=self._deployment.url, headers=headers, timeout=20) as http:
            while (number := next(self._numbers)) < self._count:
                self._pace()
                self._send(http, rng, number)

    def _send(self, http: httpx.Client, rng: Random, number: int) -> None:
        body, patient = self._body(rng), rng.random() < 0.9
        headers = {"Idempotency-Key": f"{self._seed}-{number}"}
        while (answer := _post(http, body, headers)) is None:
            if not patient:
                self.given_up.append(number)  # it may be there all the same, and then it must end like any other
                return
            time.sleep(RETRY_SECONDS)
        if answer.status_code != 202:
            self.wrong.append(f"a valid job was refused: {answer.status_code} {answer.text}")
        elif (job := answer.json())["id"] in self.accepted:
            self.wrong.append(f"{job['id']} was the answer to two requests")
        else:
            self._after(http, rng, body, job["id"])

    def _after(self, http: httpx.Client, rng: Random, body: dict[str, Any], job_id: str) -> None:
        self.accepted.add(job_id)
        if "webhook_url" in body:
            self.hooked.add(job_id)
        if rng.random() < 0.05:
            _cancel(http, job_id)

    def _body(self, rng: Random) -> dict[str, Any]:
        body: dict[str, Any] = {"image": self._image, "mask": self._mask, "steps": STEPS}
        # No two alike for long, so that whatever is kept for a prompt is seen to be bounded.
        body["prompt"] = f"a red circle, {rng.randrange(PROMPTS)} of {PROMPTS}"
        body |= {"seed": rng.randrange(1000), "priority": rng.choice(["interactive", "standard", "bulk"])}
        if rng.random() < 0.03:
            body["deadline_seconds"] = rng.uniform(0.2, 3)
        if rng.random() < 0.2:
            body["webhook_url"] = self._webhook_url
        return body


def _post(http: httpx.Client, body: dict[str, Any], headers: dict[str, str]) -> httpx.Response | None:
    """The answer; None where a caller tries again."""
    try:
        answer = http.post("/v1/jobs", json=body, headers=headers)
    except httpx.TransportError:
        return None
    return None if answer.status_code >= 500 or answer.status_code == 429 else answer


def _cancel(http: httpx.Client, job_id: str) -> None:
    try:
        http.post(f"/v1/jobs/{job_id}/cancel")
    except httpx.TransportError:
        return  # then it is not canceled, which is as good an end as another
