"""`inpaintd restore-check`: rows held against objects, after a restore or whenever somebody wants to know."""

from __future__ import annotations

from collections.abc import Iterator

import click

from producer.cli.admin import open_database
from producer.cli.audit import ANCHOR
from producer.cli.output import JSON
from producer.cli.output import as_json as print_json
from producer.cli.plain_errors import Unwell
from producer.doctor import check_database, check_schema
from producer.restore import Stock, as_json, take_stock
from storage.audit_store import Head
from storage.object_store import open_object_store
from storage.settings import StorageSettings

_SHOWN = 10


@click.command()
@click.option("--read", is_flag=True, help="Read every result and file, and compare it with the SHA-256 on record.")
@ANCHOR
@JSON
def restore_check(read: bool, anchor: Head | None, json_output: bool) -> None:
    """Look for every object that the rows name, for objects that none names, and walk the audit chain.

    Changes nothing. Exit status 1 where a visible result or the input of an unfinished job is missing or was changed,
    or the chain is broken.
    """
    objects = open_object_store(StorageSettings.from_env())
    with open_database(check_database, check_schema) as database:
        stock = take_stock(database, objects, read=read, anchor=anchor)
    if json_output:
        print_json(as_json(stock))
    else:
        click.echo("\n".join(_lines(stock)))
    if not stock.is_whole:
        click.get_current_context().exit(Unwell.exit_code)


def _lines(stock: Stock) -> Iterator[str]:
    yield "jobs: " + (", ".join(f"{count} {state}" for state, count in sorted(stock.states.items())) or "none")
    if running := stock.states.get("running"):
        yield f"{running} ran when the backup was made: the keeper puts them back into the queue."
    chain = stock.chain
    yield f"audit: {chain.checked} of {chain.head.seq} sealed records are as they were sealed."
    if chain.fault is not None:
        yield f"BROKEN at record {chain.fault.seq}: {chain.fault.sentence}"
    for what, found in (("missing", stock.missing), ("changed", stock.changed)):
        yield from (f"{what.upper()} {one.key}, of {one.owner}, needed to {one.need}" for one in found[:_SHOWN])
    if count := stock.count.get("extra"):
        yield f"{count} objects belong to no row, such as {stock.extra[0]}: the keeper deletes them by their age."
    for name, count in sorted(stock.count.items()):
        yield f"{name}: {count}"
    yield "Whole: nothing visible or accepted is lost." if stock.is_whole else "NOT whole: see above."
