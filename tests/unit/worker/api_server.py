"""A small API server of Kubernetes: it takes patches of pods over TLS and remembers them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.tls import certificate

TOKEN = "token-of-the-account"


@dataclass
class ApiServer:
    """Where it listens, the folder of the service account, what it was asked, and the status it answers with."""

    url: str
    account: Path
    patches: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)
    status: int = 200


@contextmanager
def api_server(folder: Path) -> Iterator[ApiServer]:
    """A running API server with a service account in `folder`."""
    tls, _ = certificate(folder, "localhost")
    (folder / "server.pem").rename(folder / "ca.crt")
    (folder / "token").write_text(f"{TOKEN}\n")
    (folder / "namespace").write_text("paint")

    class Handler(BaseHTTPRequestHandler):
        def do_PATCH(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            known = self.headers["Authorization"] == f"Bearer {TOKEN}"
            kind = self.headers["Content-Type"]
            server.patches.append((self.path, kind, body))
            self.send_response(server.status if known else 401)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.socket = tls.wrap_socket(listening.socket, server_side=True)
        server = ApiServer(f"https://localhost:{listening.server_port}", folder)
        thread = threading.Thread(target=listening.serve_forever, args=[0.05])
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join()
