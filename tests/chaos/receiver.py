"""A receiver of webhooks that fails now and then, before and after it has taken one in."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any

from storage.job import TERMINAL


class Receiver:
    """What came in: the webhook ids for each (job, event type)."""

    def __init__(self, seed: int) -> None:
        self.ids: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._rng = Random(seed)
        self._lock = threading.Lock()

    def take(self, webhook_id: str, body: dict[str, Any]) -> int | None:
        """The status to answer with; None: hang up without an answer."""
        with self._lock:
            luck = self._rng.random()
            if luck > 0.05:
                self.ids[body["data"]["id"], body["type"]].add(webhook_id)
        return 500 if luck <= 0.05 else None if luck <= 0.1 else 204

    def problems(self, ended: dict[str, str]) -> list[str]:
        """A sentence for each webhook that is missing, came under two ids or tells of another end.

        `ended` maps job ids to their states.
        """
        with self._lock:
            came = dict(self.ids)
        found = []
        for job_id, state in ended.items():
            ids = came.get((job_id, f"job.{state}"), set())
            if len(ids) != 1:
                found.append(f"{job_id}: the webhook of job.{state} came under {len(ids)} ids")
            others = [end for end in TERMINAL if end != state and (job_id, f"job.{end}") in came]
            found += [f"{job_id}: is {state}, and a webhook told of job.{end}" for end in others]
        return found


@contextmanager
def receiver(seed: int) -> Iterator[tuple[str, Receiver]]:
    """A running receiver and its address."""
    taken = Receiver(seed)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = taken.take(self.headers["webhook-id"], body)
            if status is None:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", taken
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
