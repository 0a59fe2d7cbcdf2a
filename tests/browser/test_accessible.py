"""Every page of the console before axe-core, the checker of the WCAG rules that a machine can check."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storage.audit_store import AuditStore
from storage.bulk_store import BulkStore
from storage.case import Case, Choice, Ruling
from storage.moderator_store import Role
from tests.browser.conftest import Sit
from tests.browser.hours import an_hour
from tests.browser.seat import Seat
from tests.contract.console.desk import Console

AXE = Path(__file__).parent / ".npm/node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
GRAVE = {"serious", "critical"}
REJECT = Ruling(Choice.REJECT, "policy", note="It is what the rule is for.")

pytestmark = pytest.mark.skipif(
    not AXE.exists(), reason=f"No axe-core: npm install --prefix {AXE.parents[2]} axe-core, as .ci/run does"
)


def grave(seat: Seat) -> list[str]:
    """Serious violations on the page that is open: rule and element."""
    seat.page.evaluate(AXE.read_text())
    options = {"runOnly": {"type": "tag", "values": RULES}}
    result: dict[str, Any] = seat.page.evaluate("(options) => axe.run(document, options)", options)
    assert result["passes"], "axe looked at something"
    found = [v for v in result["violations"] if v["impact"] in GRAVE]
    return [f"{v['id']}: {node['html']}" for v in found for node in v["nodes"]]


def decided(console: Console, name: str) -> Case:
    """A case that this moderator rejected."""
    console.office.held_request()
    moderator = console.office.moderators.named(name)
    case = console.office.given(moderator)
    return console.office.decisions.decide(case, moderator, REJECT)


def suspended(console: Console, name: str) -> None:
    """A tenant that this moderator suspended."""
    console.office.held_request()
    moderator = console.office.moderators.named(name)
    case = console.office.given(moderator)
    console.office.decisions.decide(case, moderator, Ruling(Choice.REJECT, "policy", then=("suspend",)))


def holding(console: Console, seat: Seat, severity: int = 4) -> str:
    console.office.held_request(severity)
    return f"cases/{console.office.given(console.office.moderators.named(seat.name)).id}"


def proposed(console: Console, seat: Seat) -> str:
    """The page of a case on which another has proposed something."""
    job = console.office.held_request(6)
    other = console.office.moderator("max", Role.LEAD)
    console.office.decisions.decide(console.office.given(other), other, REJECT)
    (case,) = console.office.cases.of_job(job.id)
    console.office.decisions.take(case, console.office.moderators.named(seat.name))
    return f"cases/{case.id}"


def result(console: Console, seat: Seat) -> str:
    console.office.held_result()
    return f"cases/{console.office.given(console.office.moderators.named(seat.name)).id}"


def bulk(console: Console, seat: Seat) -> str:
    """The page of a bulk decision that waits for a second person."""
    job = console.office.held_request()
    (case,) = console.office.cases.of_job(job.id)
    return f"bulk/{BulkStore(console.stack.services.database).propose([case.id], REJECT, 'max').id}"


def sealed(console: Console, name: str) -> None:
    decided(console, name)
    AuditStore(console.stack.services.database).seal()


def just_decided(console: Console, seat: Seat) -> str:
    """The queues after a decision, with more that waits."""
    done = decided(console, seat.name)
    for severity in (4, 4, 6):
        console.office.held_request(severity)
    return f"?done={done.id}"


def signed_out(_console: Console, seat: Seat) -> str:
    seat.page.context.clear_cookies()
    return "sign-in"


PAGES: dict[str, Callable[[Console, Seat], str]] = {
    "the form to sign in": signed_out,
    "queues": just_decided,
    "cases": lambda console, seat: (holding(console, seat), "cases")[1],
    "a case to decide": result,
    "a restricted case": lambda console, seat: holding(console, seat, 6),
    "a proposal": proposed,
    "a decided case": lambda console, seat: f"cases/{decided(console, seat.name).id}",
    "similar pictures": lambda console, seat: f"{result(console, seat)}/similar",
    "decided": lambda console, seat: (decided(console, seat.name), "decided")[1],
    "bulk": lambda _console, _seat: "bulk",
    "a dry run": lambda console, seat: (holding(console, seat), "bulk/preview?reason=reject:policy")[1],
    "a bulk decision": bulk,
    "record": lambda console, seat: (sealed(console, seat.name), "record")[1],
    "figures": lambda console, seat: (decided(console, seat.name), "figures")[1],
    "measures": lambda console, seat: (suspended(console, seat.name), "measures")[1],
    "banks": lambda _console, _seat: "banks?bank=test_pattern",
    "the operator's page": lambda console, _seat: (an_hour(console.stack), "operator?still=1")[1],
    "policy": lambda _console, _seat: "policy",
    "the keyboard": lambda _console, _seat: "keys",
    "a fault": lambda _console, _seat: "nothing",
}


SHOWN = ("queues", "cases", "record", "figures", "banks", "measures")
"""What the documentation shows of them; other tests take the pictures of the rest."""


@pytest.mark.parametrize("name", PAGES)
def test_no_page_has_a_serious_violation(sit: Sit, console: Console, name: str) -> None:
    lea = sit("lea", Role.ADMIN)
    lea.open(PAGES[name](console, lea))
    if name in SHOWN:
        lea.shot(name.replace(" ", "-"))
    for scheme in ("light", "dark"):
        lea.page.emulate_media(color_scheme=scheme)
        assert grave(lea) == [], scheme
