"""Callers who look: they wait, follow events to the end or hang up before, list, catch up and fetch pictures."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import httpx

from storage.job import TERMINAL
from tests.chaos.deployment import Deployment

PAUSE = (0.1, 0.6)
# Some of a server's memory belongs to a connection: half of the visits come over one of their own.
FRESH = 0.5
Job = dict[str, Any]


class Visitor:
    """One caller. `ends` maps jobs to the last state it was told of; `problems` are sentences."""

    def __init__(self, url: str, key: str, rng: Random) -> None:
        self.ends: dict[str, str] = {}
        self.problems: list[str] = []
        self.visits = 0
        self._url = url
        self._key = key
        self._rng = rng
        self._last: str | None = None
        self._kinds: list[Callable[[httpx.Client, Job], None]]
        self._kinds = [self._wait, self._follow, self._hang_up, self._catch_up, self._fetch]

    def run(self, closing: threading.Event) -> None:
        """Visits until `closing` is set."""
        with self._client() as kept:
            while not closing.wait(self._rng.uniform(*PAUSE)):
                try:
                    self._visit(kept)
                except httpx.HTTPError:
                    continue  # it is being hurt; the next visit may find it well
                self.visits += 1

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self._url, headers={"Authorization": f"Bearer {self._key}"}, timeout=20)

    def _visit(self, kept: httpx.Client) -> None:
        newest = self._get(kept, "/v1/jobs", {"limit": 10}).json()["data"]
        if not newest:
            return
        kind, job = self._rng.choice(self._kinds), self._rng.choice(newest)
        if self._rng.random() < FRESH:
            with self._client() as fresh:
                kind(fresh, job)
        else:
            kind(kept, job)

    def _get(self, http: httpx.Client, path: str, params: dict[str, Any] | None = None) -> httpx.Response:
        answer = http.get(path, params=params)
        if answer.is_client_error:
            self.problems.append(f"GET {path} was refused: {answer.status_code} {answer.text}")
        return answer.raise_for_status()

    def _wait(self, http: httpx.Client, job: Job) -> None:
        self._note(self._get(http, job["links"]["self"], {"wait": 2}).json())

    def _follow(self, http: httpx.Client, job: Job) -> None:
        with http.stream("GET", job["links"]["events"]) as answer:
            for _ in answer.iter_lines():
                pass
        self._note(self._get(http, job["links"]["self"]).json())

    def _hang_up(self, http: httpx.Client, job: Job) -> None:
        with http.stream("GET", job["links"]["events"]) as answer:
            for _ in zip(range(self._rng.randint(1, 8)), answer.iter_lines(), strict=False):
                pass

    def _catch_up(self, http: httpx.Client, _job: Job) -> None:
        onwards = {"after": self._last} if self._last else {}
        self._last = self._get(http, "/v1/events", {**onwards, "limit": 1000, "wait": 1}).json()["last"]

    def _fetch(self, http: httpx.Client, job: Job) -> None:
        job = self._get(http, job["links"]["self"], {"wait": 2}).json()
        self._note(job)
        for image in job["images"]:
            data = self._get(http, image["url"]).content
            if hashlib.sha256(data).hexdigest() != image["sha256"]:
                self.problems.append(f"{job['id']}: a caller was sent another picture than was promised")

    def _note(self, job: Job) -> None:
        if job["status"] not in TERMINAL:
            return
        before = self.ends.setdefault(job["id"], job["status"])
        if before != job["status"]:
            self.problems.append(f"{job['id']}: a caller was told {before}, and later {job['status']}")


@contextmanager
def visiting(deployment: Deployment, seed: int) -> Iterator[list[Visitor]]:
    """One visitor for each tenant, for the time of the block."""
    closing = threading.Event()
    visitors = [Visitor(deployment.url, key, Random(f"{seed}-visitor-{n}")) for n, key in enumerate(deployment.keys)]
    threads = [threading.Thread(target=one.run, args=[closing], daemon=True) for one in visitors]
    for thread in threads:
        thread.start()
    try:
        yield visitors
    finally:
        closing.set()
        for thread in threads:
            thread.join()
