"""Making up cases and judging the answers to them."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode, SerializationContext
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.contract.api.serving import Tenant

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
LONGEST_WAIT = 1
SECONDS = 20.0
KEYLESS = 0.1
"""The share of cases without our key, or with whatever stands in its place."""
LINES = "application/x-ndjson"


@schemathesis.serializer(LINES)
def lines(_: SerializationContext, made_up: Any) -> bytes:
    """A body of three lines: what was made up, nothing, and the same once more."""
    line = made_up if isinstance(made_up, bytes) else json.dumps(made_up, default=str).encode()
    return b"\n\n".join([line, line])


@dataclass(slots=True)
class Bag:
    """What was sent, by operation and status, and what was wrong with the answers."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    @property
    def cases(self) -> int:
        """How many were sent."""
        return self.answers.total()


class Hunt:
    """Cases against one service on behalf of one tenant.

    `known`: values of parameters and of fields of a body for which there is something, by name. Half of the cases take
    them; those of the other half are made up.
    """

    def __init__(self, tenant: Tenant, known: Mapping[str, list[str]], number: int = 1) -> None:
        self._tenant = tenant
        self._known = known
        self._number = number
        self._pick = random.Random(number)
        self._schema = schemathesis.openapi.from_dict(tenant.http.get("/openapi.json").json())
        self.bag = Bag()

    def run(self, cases: int, only: Callable[[str], bool] = lambda _: True) -> Bag:
        """About `cases` of them, shared out evenly, half within the rules of the document and half against them."""
        operations = [found.ok() for found in self._schema.get_all_operations() if only(found.ok().path)]
        each = max(1, cases // (2 * len(operations)))
        for operation in operations:
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                self._try(operation, mode, each)
        return self.bag

    def again(self) -> Hunt:
        """The same with other cases."""
        self._number += 1
        return self

    def _try(self, operation: Any, mode: GenerationMode, count: int) -> None:
        @seed(self._number)
        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(mode))
        def send(case: Case) -> None:
            self._send(operation.label, case)

        try:
            send()
        except Unsatisfiable:
            pass  # without parameters and a body there is nothing to get wrong
        except (Exception, BaseExceptionGroup) as problem:  # noqa: BLE001  (whatever it is, it was found)
            self.bag.problems.append(f"{operation.label}, {mode.value}: {problem}")

    def _send(self, label: str, case: Case) -> None:
        self._make_known(case.path_parameters)
        self._make_known(case.body)
        if "wait" in (case.query or {}) and str(case.query["wait"]).isdigit():
            case.query["wait"] = min(LONGEST_WAIT, int(case.query["wait"]))
        if self._pick.random() > KEYLESS:
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {self._tenant.key}"}
        answer = case.call(base_url=self._tenant.stack.url, timeout=SECONDS)
        self.bag.answers[label, answer.status_code] += 1
        kind = answer.headers.get("content-type", [""])[0].partition(";")[0]
        if kind == LINES:
            faults = [line for line in answer.content.splitlines() if json.loads(line).get("status", 0) >= 500]
            assert faults == []
        # It takes the schema of a stream for that of each message, or line.
        streams = kind in ("text/event-stream", LINES)
        case.validate_response(answer, checks=CHECKS, excluded_checks=[response_schema_conformance] if streams else [])

    def _make_known(self, made_up: Any) -> None:
        """Puts things that there are in the place of some that were made up."""
        if isinstance(made_up, dict) and self._pick.random() < 0.5:
            made_up |= {name: self._pick.choice(values) for name, values in self._known.items() if name in made_up}
