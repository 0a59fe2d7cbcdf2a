"""`inpaintd webhooks listen`: a receiver on this machine that shows what is sent, once its signature is proven."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import click

from producer.cli.output import JSON, as_json_line
from producer.cli.plain_errors import Misuse
from producer.client import Client, verify_webhook
from producer.client.errors import ServiceRefused, WebhookRefused
from producer.client.webhook_types import WebhookEvent
from producer.client.webhooks import check_secrets

MAX_BYTES = 64 * 1024
Arrival = WebhookEvent | WebhookRefused


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1. [default: any free one]")
@click.option("--url", help="Where the service reaches this machine, such as a tunnel's https address. [this port]")
@click.option("--secret", "secrets", multiple=True, help="Make no endpoint: this secret signs what comes. Repeat it.")
@click.option("--event", "events", multiple=True, help="Only events of this kind; repeat it. [ends and job.held]")
@click.option("--count", type=click.IntRange(min=1), help="End after so many events. [default: with Ctrl-C]")
@JSON
def listen(
    port: int, url: str | None, secrets: tuple[str, ...], events: tuple[str, ...], count: int | None, json_output: bool
) -> None:
    """Receive webhooks here and print each whose signature is right.

    Makes an endpoint for the time being, at --url, or at this port where the operator opened it
    (INPAINTD_ALLOWED_ADDRESSES=127.0.0.1). With --secret it makes none.
    """
    check_secrets(secrets)
    with contextlib.ExitStack() as stack:
        known, arrivals = list(secrets), queue.Queue[Arrival]()
        server = stack.enter_context(_receiver(port, known, arrivals))
        here = f"http://127.0.0.1:{server.server_port}/"
        if not secrets:
            client = stack.enter_context(Client())
            known.append(stack.enter_context(_endpoint(client, url or here, list(events))))
        click.echo(f"Listening at {here}; end with Ctrl-C.", err=True)
        left = count
        while left is None or left > 0:
            arrival = arrivals.get()
            _tell(arrival, json_output=json_output)
            if left is not None and not isinstance(arrival, WebhookRefused):
                left -= 1


@contextlib.contextmanager
def _endpoint(client: Client, url: str, events: list[str]) -> Iterator[str]:
    """The secret of an endpoint that lasts as long as the block."""
    try:
        made = client.create_webhook(url, events or None)
    except ServiceRefused as refusal:
        if refusal.code != "url_invalid":
            raise
        message = (
            f"The service sends nothing to {url}: {refusal.detail} Set INPAINTD_ALLOWED_ADDRESSES=127.0.0.1 where it "
            "runs on this machine, or give --url the https address of a tunnel that leads here."
        )
        raise Misuse(message) from refusal
    try:
        yield made["secret"]
    finally:
        client.delete_webhook(made["id"])


@contextlib.contextmanager
def _receiver(port: int, secrets: list[str], arrivals: queue.Queue[Arrival]) -> Iterator[ThreadingHTTPServer]:
    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", 0))
            body = self.rfile.read(max(0, min(length, MAX_BYTES)))
            try:
                arrival: Arrival = verify_webhook(secrets, dict(self.headers), body)
            except WebhookRefused as refused:
                arrival = refused
            arrivals.put(arrival)
            self.send_response(400 if isinstance(arrival, WebhookRefused) else 204)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Receiver)
    except OSError as error:
        raise Misuse(f"Port {port} cannot be listened at ({error.strerror}); choose another with --port.") from None
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _tell(arrival: Arrival, *, json_output: bool) -> None:
    if isinstance(arrival, WebhookRefused):
        click.echo(f"Refused: {arrival}", err=True)
    elif json_output:
        as_json_line(arrival)
    else:
        what = arrival["data"]
        named = " ".join(str(what[name]) for name in ("id", "webhook", "status") if what.get(name))
        click.echo(f"{arrival['timestamp']}  {arrival['type']}  {named}")
