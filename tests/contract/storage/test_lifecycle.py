"""Lifecycle rules: what they say, and the requests that set them.

The S3 server of these tests implements no lifecycle rules: it takes the requests for other ones. So they are looked at
on their way out, and answered as S3's documentation says; that a bucket then deletes anything is not tested here.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import ObjectStoreUnavailable
from storage.lifecycle import OURS, longest, merged, rules_for
from storage.retention import Kind
from storage.s3_object_store import S3ObjectStore
from storage.settings import StorageSettings

FOREIGN = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 7}}
DAYS = st.none() | st.floats(0.01, 3650)


def by_folder(rules: list[dict[str, Any]]) -> dict[str, int]:
    """Days by prefix of the rules that expire something."""
    return {rule["Filter"]["Prefix"]: rule["Expiration"]["Days"] for rule in rules if "Expiration" in rule}


def test_each_folder_outlives_the_longest_retention_and_what_is_kept_for_ever_has_no_rule() -> None:
    own = {"t1": {Kind.INPUTS: 90.0}, "t2": {Kind.RESULTS: None}}
    kept = longest({Kind.INPUTS: 30.0, Kind.RESULTS: 30.0, Kind.HELD: 14.0}, own)
    rules = rules_for("a/b/", kept, marks=None, margin=10)
    assert by_folder(rules) == {"a/b/inputs/": 114, "a/b/uploads/": 114}
    assert rules[0]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 2}
    assert rules[0]["Filter"] == {"Prefix": "a/b/"}


@given(st.lists(st.fixed_dictionaries({Kind.INPUTS: DAYS, Kind.RESULTS: DAYS}), min_size=1), DAYS)
def test_no_rule_is_shorter_than_anybodys_retention(everybody: list[dict[Kind, float | None]], marks: float) -> None:
    own = {str(number): days for number, days in enumerate(everybody[1:])}
    found = by_folder(rules_for("", longest(everybody[0], own), marks))
    for folder, kind in (("inputs/", Kind.INPUTS), ("results/", Kind.RESULTS), ("quarantine/", Kind.RESULTS)):
        days = [one[kind] for one in everybody]
        assert (folder in found) == (None not in days)
        assert all(found[folder] >= one for one in days if one is not None and folder in found)


def test_rules_of_others_stay_and_ours_are_replaced() -> None:
    old = {**FOREIGN, "ID": f"{OURS}inputs"}
    assert merged([FOREIGN, old], rules_for("", {}, None))[0] == FOREIGN
    assert old not in merged([FOREIGN, old], rules_for("", {}, None))


def test_a_real_server_without_lifecycles_is_told_from_a_bucket_without_rules(s3_settings: StorageSettings) -> None:
    store = S3ObjectStore(s3_settings)
    with pytest.raises(ObjectStoreUnavailable, match="knows no lifecycle rules"):
        store.lifecycle()
    with pytest.raises(ObjectStoreUnavailable):
        store.set_lifecycle(rules_for("", {}, None))


@pytest.fixture
def bucket(s3_settings: StorageSettings) -> tuple[S3ObjectStore, list[Any], Callable[[int, bytes], None]]:
    """A bucket, the requests about lifecycles that were made of it, and how to say what the next is answered."""
    store, asked = S3ObjectStore(s3_settings), []
    answers: list[tuple[int, bytes]] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        asked.append(request)
        status, body = answers.pop(0)
        response = AWSResponse(request.url, status, {}, None)
        response._content = body
        return response

    for operation in ("Get", "Put"):
        store._client.meta.events.register(f"before-send.s3.{operation}BucketLifecycleConfiguration", answer)
    return store, asked, lambda status, body: answers.append((status, body))


def test_the_request_names_the_bucket_and_carries_every_rule(bucket: Any) -> None:
    store, asked, answered = bucket
    answered(200, b"")
    store.set_lifecycle([FOREIGN, *rules_for("p/", {Kind.INPUTS: 1.0}, None)])
    (request,) = asked
    assert request.method == "PUT"
    assert request.url.endswith("/inpaintd?lifecycle")
    names = {name.lower() for name in request.headers}
    assert "content-md5" in names or any(name.startswith("x-amz-checksum-") for name in names), "S3 refuses it without"
    told = [found.text for found in ET.fromstring(request.body).iter() if found.tag.endswith("ID")]
    assert told == ["theirs", "inpaintd-abandoned-uploads", "inpaintd-inputs", "inpaintd-uploads"]


def test_a_bucket_without_rules_has_none_and_a_server_without_them_says_so(bucket: Any) -> None:
    store, _, answered = bucket
    answered(404, b"<Error><Code>NoSuchLifecycleConfiguration</Code></Error>")
    assert store.lifecycle() == []
    answered(501, b"<Error><Code>NotImplemented</Code></Error>")
    answered(501, b"<Error><Code>NotImplemented</Code></Error>")
    answered(501, b"<Error><Code>NotImplemented</Code></Error>")
    answered(501, b"<Error><Code>NotImplemented</Code></Error>")
    with pytest.raises(ObjectStoreUnavailable, match="NotImplemented"):
        store.lifecycle()
