"""How long the console takes to show the next case, and a page of the list, beside 50,000 open cases on PostgreSQL.

    python -m bench.console_cases

Starts PostgreSQL and an API process, opens the cases (the first few hundred of jobs that are there, with pictures),
and asks over HTTP as a browser does, one request after the other. Exits 1 above 200 ms for the next case (p95, from
the button to the whole page of the case) or 150 ms for the list.
"""

from __future__ import annotations

import contextlib
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import sqlalchemy as sa

from producer.console.session import COOKIE
from safety.policy import load_policy
from storage.case import CaseKind
from storage.case_rows import case_row
from storage.case_tables import cases
from storage.database import Database, db_now, migrate
from storage.ids import new_id
from storage.moderator_store import ModeratorStore, Role
from tests import servers
from tests.contract.moderation.office import Office
from tests.jobs import new_job
from tests.service import program, settings

OPEN, REAL, ROUNDS = 50_000, 240, 200
NEXT_LIMIT, LIST_LIMIT = 0.200, 0.150
LISTS = ("cases", "cases?queue=general", "cases?kind=held&category=gore", "cases?category=none-has-this-one", "")


def open_cases(database: Database, folder: Path) -> None:
    """Cases of jobs that are there and come first, and behind them as many of others as make OPEN together."""
    office = Office(database, folder / "objects", load_policy())
    for _ in range(REAL):
        office.held_request()
    with database.transaction() as connection:
        connection.execute(sa.update(cases).values(due_at=db_now(60.0)))
        for start in range(REAL, OPEN, 1000):
            rows = [_row(number) for number in range(start, min(OPEN, start + 1000))]
            connection.execute(sa.insert(cases).values(due_at=db_now(sa.bindparam("due", type_=sa.Float))), rows)


def _row(number: int) -> dict[str, object]:
    category, queue = (("gore", "general"), ("impersonation", "general"), ("demeaning", "reports"))[number % 3]
    row = case_row(
        new_job(f"tnt_{number % 200}"),
        CaseKind.HELD if queue == "general" else CaseKind.REPORT,
        category=category,
        severity=(2, 4)[number % 2],
        rule="prompt.some_rule",
        queue=queue,
        seconds=0.0,
    )
    return {**row.values, "id": new_id("case"), "due": 120.0 + number}


def percentile(seconds: list[float]) -> float:
    """The time that 95 of 100 take at most."""
    return statistics.quantiles(seconds, n=20, method="inclusive")[-1]


def timed(ask: Callable[[], httpx.Response]) -> tuple[float, httpx.Response]:
    """How long an answer takes, whatever it leads on to included."""
    began = time.perf_counter()
    answer = ask()
    seconds = time.perf_counter() - began
    assert answer.status_code == 200, answer.text
    return seconds, answer


def next_cases(http: httpx.Client, csrf: str, rounds: int) -> list[float]:
    """Takes one case after the other and passes each over, so that the ones before have to be walked past."""
    took = []
    for _ in range(rounds):
        seconds, answer = timed(lambda: http.post("/console/next", data={"csrf": csrf}))
        took.append(seconds)
        case, lease = answer.url.path.rsplit("/", 1)[1], re.search(r'name="lease_no" value="(\d+)"', answer.text)
        assert case.startswith("case_"), answer.text
        assert lease is not None
        timed(lambda c=case, n=lease[1]: _skip(http, c, n, csrf))
    return took


def _skip(http: httpx.Client, case: str, lease: str, csrf: str) -> httpx.Response:
    return http.post(f"/console/cases/{case}/skip", data={"csrf": csrf, "lease_no": lease, "reason": "a benchmark"})


def lists(http: httpx.Client, rounds: int) -> dict[str, list[float]]:
    """Each list, asked for in turn."""
    took: dict[str, list[float]] = {path: [] for path in LISTS}
    for _ in range(rounds):
        for path in LISTS:
            took[path].append(timed(lambda p=path: http.get(f"/console/{p}"))[0])
    return took


def main() -> int:
    """The program."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres = stack.enter_context(servers.postgres())
        url = stack.enter_context(servers.fresh_database(postgres.uri, "console"))
        migrate(url)
        database = Database(url)
        stack.callback(database.close)
        open_cases(database, folder)
        with database.transaction() as connection:
            connection.execute(sa.text("ANALYZE"))
        moderators = ModeratorStore(database)
        token, session = moderators.open_session(moderators.add("ada", Role.REVIEWER))
        port = servers.free_port()
        env = settings(folder, database_url=url, redis_url="redis://127.0.0.1:1/0", s3=None)
        stack.enter_context(program("api", ["producer.cli", "api"], env | {"INPAINTD_PORT": str(port)}, folder))
        http = stack.enter_context(
            httpx.Client(
                base_url=f"http://127.0.0.1:{port}", cookies={COOKIE: token}, timeout=60, follow_redirects=True
            )
        )
        _await(http)
        next_cases(http, session.csrf, 10)
        lists(http, 2)
        return _report(next_cases(http, session.csrf, ROUNDS), lists(http, ROUNDS // len(LISTS)))


def _await(http: httpx.Client) -> None:
    for _ in range(600):
        with contextlib.suppress(httpx.TransportError):
            http.get("/console/keys")
            return
        time.sleep(0.1)
    raise TimeoutError("the API did not start")


def _report(took: list[float], listed: dict[str, list[float]]) -> int:
    print(f"{OPEN:,} open cases on PostgreSQL, over HTTP, one after the other: p50 and p95 in ms")
    print(f"  next case, to its whole page        {_ms(took)}   (limit {NEXT_LIMIT * 1000:.0f})")
    for path, seconds in listed.items():
        print(f"  /console/{path:34} {_ms(seconds)}   (limit {LIST_LIMIT * 1000:.0f})")
    slow = [path for path, seconds in listed.items() if percentile(seconds) > LIST_LIMIT]
    return int(percentile(took) > NEXT_LIMIT or bool(slow))


def _ms(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1000:6.1f} {percentile(seconds) * 1000:6.1f}"


if __name__ == "__main__":
    sys.exit(main())
