"""`inpaintd storage`: what the object store does by itself."""

from __future__ import annotations

import click

from producer.cli.admin import open_database
from producer.cli.output import as_json
from producer.cli.plain_errors import Misuse
from producer.doctor import check_database, check_schema
from producer.keeping import kept_days
from producer.settings import ProducerSettings
from safety.policy import load_policy
from safety.settings import SafetySettings
from storage.lifecycle import MARGIN_DAYS, longest, merged, rules_for
from storage.object_store import open_object_store
from storage.retention_rules import RetentionRules
from storage.s3_object_store import S3ObjectStore
from storage.settings import StorageSettings, secret_text


@click.group()
def storage() -> None:
    """The object store: rules that a bucket carries out by itself."""


@storage.command()
@click.option("--apply", is_flag=True, help="Set them on the bucket, beside the rules that others set there.")
@click.option("--margin", default=MARGIN_DAYS, show_default=True, help="Days beyond the longest retention.")
def lifecycle(apply: bool, margin: float) -> None:
    """Print the bucket's lifecycle rules (JSON) for the retention that is set, as a backstop should no keeper run.

    Run it again after a retention was made longer: a bucket deletes whatever its rules say.
    """
    settings = StorageSettings.from_env()
    objects = open_object_store(settings)
    if not isinstance(objects, S3ObjectStore):
        raise Misuse("A folder has no lifecycle rules; they are for INPAINTD_OBJECTS=s3://...")
    policy = load_policy(SafetySettings.from_env(secret_text).policy)
    with open_database(check_database, check_schema) as database:
        kept = longest(kept_days(policy, ProducerSettings.from_env().retention_days), RetentionRules(database).all())
    rules = rules_for(objects.prefix, kept, policy.retention.marks, margin=margin)
    if apply:
        rules = merged(objects.lifecycle(), rules)
        objects.set_lifecycle(rules)
    as_json({"Rules": rules})
