"""`inpaintd webhooks`: endpoints, their secrets, what was delivered."""

from __future__ import annotations

import click

from producer.cli.listen import listen
from producer.cli.output import JSON, as_json, as_table
from producer.client import Client
from producer.client.webhook_calls import DAY_SECONDS
from producer.client.webhook_types import DeliveryView, WebhookView

WEBHOOK = click.argument("webhook_id", metavar="WEBHOOK", default="default")
ONE = click.argument("webhook_id", metavar="WEBHOOK")


@click.group()
def webhooks() -> None:
    """Webhooks. As WEBHOOK, `default` stands for what jobs with a webhook_url of their own are told."""


webhooks.add_command(listen)


@webhooks.command("list")
@JSON
def list_(json_output: bool) -> None:
    """List the endpoints."""
    with Client() as client:
        found = client.list_webhooks()["data"]
    if json_output:
        as_json(found)
        return
    rows = ((one["id"], one["url"], _state(one), " ".join(one["events"])) for one in found)
    as_table(("WEBHOOK", "URL", "STATE", "EVENTS"), rows)


@webhooks.command()
@click.argument("url")
@click.option("--event", "events", multiple=True, help="Only of this kind; repeat it. [ends and job.held]")
@JSON
def create(url: str, events: tuple[str, ...], json_output: bool) -> None:
    """Have events of all jobs sent to URL, and print the secret that signs them."""
    with Client() as client:
        made = client.create_webhook(url, list(events) or None)
    if json_output:
        as_json(made)
    else:
        click.echo(f"{made['id']} {made['secret']}")


@webhooks.command()
@ONE
@JSON
def delete(webhook_id: str, json_output: bool) -> None:
    """Send nothing more to WEBHOOK, and drop what waits."""
    with Client() as client:
        client.delete_webhook(webhook_id)
    if json_output:
        as_json({"id": webhook_id, "deleted": True})
    else:
        click.echo(f"{webhook_id} deleted")


@webhooks.command()
@WEBHOOK
@click.option(
    "--keep-seconds", type=float, default=DAY_SECONDS, show_default=True, help="How long the old one goes on signing."
)
@JSON
def rotate(webhook_id: str, keep_seconds: float, json_output: bool) -> None:
    """Make a new secret for WEBHOOK and print every one that signs now, newest first."""
    with Client() as client:
        secrets = client.rotate_webhook(webhook_id, keep_seconds)["data"]
    if json_output:
        as_json(secrets)
        return
    for one in secrets:
        click.echo(one["secret"] + ("" if one["expires_at"] is None else f"  until {one['expires_at']}"))


@webhooks.command()
@ONE
@JSON
def test(webhook_id: str, json_output: bool) -> None:
    """Have a `webhook.test` sent to WEBHOOK; `inpaintd webhooks deliveries` shows how it went."""
    with Client() as client:
        sent = client.test_webhook(webhook_id)
    if json_output:
        as_json(sent)
    else:
        click.echo(f"{sent['id']} {sent['status']}")


@webhooks.command()
@WEBHOOK
@click.option("--status", type=click.Choice(("pending", "delivered", "failed")), help="Only in this state.")
@click.option("--job", help="Only of this job.")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True, help="Deliveries to show.")
@JSON
def deliveries(webhook_id: str, limit: int, json_output: bool, **filters: str | None) -> None:
    """List what was sent to WEBHOOK or is to be, newest event first."""
    given: dict[str, str | int] = {name: value for name, value in filters.items() if value is not None}
    with Client() as client:
        found = client.webhook_deliveries(webhook_id, limit=limit, **given)["data"]
    if json_output:
        as_json(found)
        return
    as_table(("DELIVERY", "TYPE", "JOB", "STATUS", "ATTEMPTS", "NEXT"), map(_columns, found))


@webhooks.command()
@WEBHOOK
@click.option("--delivery", help="This one.")
@click.option("--since", help="Those from this time on: RFC 3339 with a zone, such as 2026-01-02T03:04:05Z.")
@click.option("--until", help="With --since: those before this time. [default: now]")
@click.option("--all", "everything", is_flag=True, help="With --since: also what was delivered.")
@JSON
def replay(
    webhook_id: str, delivery: str | None, since: str | None, until: str | None, everything: bool, json_output: bool
) -> None:
    """Send again to WEBHOOK: one delivery, or what failed in a time."""
    if (delivery is None) == (since is None):
        raise click.UsageError("Name one delivery with --delivery, or a time with --since.")
    with Client() as client:
        done = client.replay_webhook(webhook_id, delivery, since=since, until=until, failed_only=not everything)
    if json_output:
        as_json(done)
    else:
        click.echo(f"{done['replayed']} sent again")


def _columns(one: DeliveryView) -> tuple[object, ...]:
    return one["id"], one["type"], one["job"], one["status"], one["attempts"], one["next_attempt_at"]


def _state(webhook: WebhookView) -> str:
    if webhook["disabled"]:
        return "disabled"
    return "enabled" if webhook["paused_until"] is None else f"paused until {webhook['paused_until']}"
