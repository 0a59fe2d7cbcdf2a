"""`inpaintd banks`: pictures that are known, and whose copies the policy refuses or holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click
from PIL import Image

from producer.cli.admin import open_database
from producer.cli.output import JSON, as_json
from producer.doctor import check_database, check_schema
from safety.banks import Banked, bank_picture, packaged, read_hashes
from safety.errors import BankError
from storage.hash_bank_store import HashBankStore, Known
from storage.pictures import PictureError, open_picture

REASON = click.option("--reason", required=True, help="Why these pictures are known, for whoever reads the bank.")
BY = click.option("--by", "added_by", required=True, help="Who adds them.")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def banks() -> None:
    """Banks of known pictures; the policy's rules on `banks.NAME` say what becomes of their copies."""


@banks.command("list")
@click.argument("bank", required=False)
@JSON
def list_(bank: str | None, json_output: bool) -> None:
    """List the banks, or the pictures in BANK."""
    with open_database(check_database, check_schema) as database:
        found = HashBankStore(database).all(bank)
    if bank is None:
        _print_banks(Counter([*(entry.bank for entry in found), *(known.bank for known in packaged())]), json_output)
    elif json_output:
        as_json([asdict(entry) | {"created_at": entry.created_at.isoformat()} for entry in found])
    else:
        for entry in found:
            click.echo(f"{entry.id}  {entry.created_at:%Y-%m-%d %H:%M}  {entry.added_by}: {entry.reason}")


def _print_banks(pictures: Counter[str], json_output: bool) -> None:
    if json_output:
        as_json(dict(sorted(pictures.items())))
        return
    for name, count in sorted(pictures.items()):
        click.echo(f"{count:8} {name}")


@banks.command()
@click.argument("bank")
@click.argument("files", nargs=-1, required=True, type=FILE)
@REASON
@BY
@JSON
def add(bank: str, files: tuple[Path, ...], reason: str, added_by: str, json_output: bool) -> None:
    """Add image FILES to BANK, so that copies are recognized: scaled, squeezed, flipped, turned or cropped.

    Only hashes are kept, no picture.
    """
    _store([_hashed(bank, file, reason) for file in files], added_by, json_output=json_output)


@banks.command("import")
@click.argument("bank")
@click.argument("file", type=FILE)
@REASON
@BY
@JSON
def import_(bank: str, file: Path, reason: str, added_by: str, json_output: bool) -> None:
    """Add the PDQ hashes in a CSV FILE to BANK: 64 hexadecimal digits first in each line.

    A hash alone recognizes whole copies, flipped and turned ones too; cropped ones need the picture itself.
    """
    try:
        pictures = read_hashes(file.read_text(encoding="utf-8-sig"), bank, reason)
    except (BankError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{file}: {error}") from None
    _store(pictures, added_by, json_output=json_output)


@banks.command()
@click.argument("entry_id", metavar="ID")
@JSON
def remove(entry_id: str, json_output: bool) -> None:
    """Take the picture ID, as `inpaintd banks list BANK` shows it, out of its bank."""
    with open_database(check_database, check_schema) as database:
        removed = HashBankStore(database).remove(entry_id)
    if not removed:
        raise click.UsageError(f"There is no {entry_id} in any bank; `inpaintd banks list BANK` shows the ids.")
    if json_output:
        as_json({"id": entry_id, "removed": True})
    else:
        click.echo("Removed. Workers see the change within half a minute.")


def _hashed(bank: str, file: Path, reason: str) -> Banked:
    try:
        return bank_picture(bank, Image.fromarray(open_picture(file.read_bytes()).rgb), reason)
    except (BankError, PictureError) as error:
        raise click.UsageError(f"{file}: {error}") from None


def _store(pictures: list[Banked], added_by: str, *, json_output: bool) -> None:
    with open_database(check_database, check_schema) as database:
        known = (Known(p.bank, p.hashes, p.reason) for p in pictures)
        added = HashBankStore(database).add(known, added_by)
    if json_output:
        as_json({"added": added, "known": len(pictures) - added})
    else:
        click.echo(f"{added} added, {len(pictures) - added} known before. Workers see them within half a minute.")
