"""A real OTLP/HTTP receiver: it decodes what programs send, as a collector would."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class Span:
    """A span as it was received; ids are hexadecimal, and `parent` is empty for the first of a trace."""

    name: str
    program: str
    trace: str
    id: str
    parent: str
    seconds: float
    about: dict[str, Any]


@dataclass
class TraceCollector:
    """What was received so far."""

    endpoint: str = ""
    spans: list[Span] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        with self.changed:
            self.spans += _spans(request)
            self.changed.notify_all()

    def wait_for(self, names: set[str], trace: str, seconds: float = 60.0) -> list[Span]:
        """The spans of a trace once all of `names` are among them."""
        with self.changed:
            self.changed.wait_for(lambda: names <= {span.name for span in self.of(trace)}, seconds)
        return self.of(trace)

    @property
    def begun(self) -> set[str]:
        """The traces that a submit began or belongs to."""
        return {span.trace for span in self.spans if span.name == "submit"}

    def of(self, trace: str) -> list[Span]:
        return [span for span in self.spans if span.trace == trace]


def _spans(request: ExportTraceServiceRequest) -> Iterator[Span]:
    for resource in request.resource_spans:
        program = {one.key: one.value.string_value for one in resource.resource.attributes}["service.name"]
        for scope in resource.scope_spans:
            for span in scope.spans:
                about = {one.key: one.value.string_value or one.value.int_value for one in span.attributes}
                seconds = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
                ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
                yield Span(span.name, program, *ids, seconds, about)


@contextmanager
def collecting() -> Iterator[TraceCollector]:
    """A receiver on a free port."""
    collector = TraceCollector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            packed = self.headers.get("content-encoding") == "gzip"
            assert self.path == "/v1/traces"
            collector.take(gzip.decompress(body) if packed else body)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
