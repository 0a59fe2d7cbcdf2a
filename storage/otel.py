"""OpenTelemetry behind storage/tracing.py, which imports this where traces are wanted. Needs the extra `otel`.

The sampler, headers, resource and pace of sending are OpenTelemetry's own variables (OTEL_TRACES_SAMPLER and so on).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

HEADER = "traceparent"
_w3c = TraceContextTextMapPropagator()


class Otel:
    """The spans of one process, sent in batches by a thread of OpenTelemetry's."""

    def __init__(self, program: str, endpoint: str) -> None:
        about = {"service.name": f"inpaintd-{program}", "service.version": version("inpaintd")}
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        self._provider = TracerProvider(resource=Resource.create(about))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("inpaintd")

    def close(self) -> None:
        """Sends what is left."""
        self._provider.shutdown()

    @contextmanager
    def span(self, name: str, parent: str | None, root: bool, about: Mapping[str, str | int]) -> Iterator[None]:
        """See storage.tracing.span."""
        above = Context() if root else None if parent is None else _context(parent)
        with self._tracer.start_as_current_span(
            name, context=above, attributes=_named(about), record_exception=False, set_status_on_exception=False
        ) as made:
            try:
                yield
            except Exception as error:
                # Its name alone: a message may tell of a caller's picture or address.
                made.set_status(StatusCode.ERROR, type(error).__name__)
                raise

    def record(self, name: str, parent: str | None, began: float, ended: float) -> None:
        """See storage.tracing.record."""
        above = Context() if parent is None else _context(parent)
        made = self._tracer.start_span(name, context=above, start_time=int(began * 1e9))
        made.end(int(max(began, ended) * 1e9))

    def note(self, about: Mapping[str, str | int]) -> None:
        """See storage.tracing.note."""
        trace.get_current_span().set_attributes(_named(about))

    @contextmanager
    def below(self, traceparent: str) -> Iterator[None]:
        """See storage.tracing.below."""
        token = contexts.attach(_context(traceparent))
        try:
            yield
        finally:
            contexts.detach(token)

    def here(self) -> str | None:
        """See storage.tracing.here."""
        carrier: dict[str, str] = {}
        _w3c.inject(carrier)
        return carrier.get(HEADER)


def _context(traceparent: str) -> Context:
    return _w3c.extract({HEADER: traceparent}, context=Context())


def _named(about: Mapping[str, str | int]) -> dict[str, str | int]:
    return {f"inpaintd.{name}": value for name, value in about.items()}
