"""Whatever comes in whatever order, each refusal counts once, and the gate is shut exactly while they weigh enough."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import certainty
from storage.database import Database
from storage.errors import CoolingDown
from storage.failpoints import make_reach
from storage.intake import Submitted
from storage.job import Job, NewJob
from storage.strike_store import StrikeStore, strike_row
from tests.contract.storage.test_strikes import GATE, LIMIT, past, refused
from tests.databases import migrated_sqlite
from tests.jobs import Desk, new_job, result

USERS = st.sampled_from(["usr_1", "usr_2"])
WEIGHTS = st.sampled_from([0.5, 1.0, 2.0])
STEPS = st.one_of(
    st.tuples(st.just("refuse"), USERS, WEIGHTS),
    st.tuples(st.just("refuse in doubt"), USERS, WEIGHTS),
    st.tuples(st.just("paint badly"), USERS, WEIGHTS),
    st.tuples(st.just("together"), USERS, WEIGHTS),
    st.tuples(st.just("lift"), USERS, WEIGHTS),
    st.tuples(st.just("send all again"), USERS, WEIGHTS),
)
_numbers = itertools.count()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database(migrated_sqlite(tmp_path_factory.mktemp("strikes") / "jobs.db"))
    yield database
    database.close()


class World:
    """A tenant, and what ought to be on record of its end-users: weights by job."""

    def __init__(self, database: Database) -> None:
        self.desk, self.store = Desk(database, f"tenant {next(_numbers)}"), StrikeStore(database)
        self.sent: list[tuple[NewJob, str]] = []
        self.ought: dict[str, dict[str, float]] = {"usr_1": {}, "usr_2": {}}

    def do(self, step: str, user: str, weight: float) -> None:
        {
            "refuse": self.refuse,
            "refuse in doubt": self.refuse_in_doubt,
            "paint badly": self.paint_badly,
            "together": self.together,
            "lift": self.lift,
            "send all again": self.send_all_again,
        }[step](user, weight)

    def is_shut(self, user: str) -> bool:
        return sum(self.ought[user].values()) >= LIMIT

    def new(self, user: str, weight: float) -> NewJob:
        name = f"k{len(self.sent)}"
        return refused(self.desk.tenant_id, user, weight, idempotency_key=name, fingerprint=name)

    def refuse(self, user: str, weight: float) -> None:
        new, shut = self.new(user, weight), self.is_shut(user)
        try:
            job = self.desk.submissions.submit(new).job
        except CoolingDown:
            assert shut
            return
        assert not shut
        self.note(new, job, weight)

    def note(self, new: NewJob, job: Job, weight: float) -> None:
        self.sent.append((new, job.id))
        self.ought[new.user or ""][job.id] = weight

    def refuse_in_doubt(self, user: str, weight: float) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(certainty, "reach", make_reach("commit_answer:raise"))
            self.refuse(user, weight)

    def paint_badly(self, user: str, weight: float) -> None:
        """A job that was let in before; its end is written twice, as by a worker that comes back."""
        self.desk.submit(user=user)
        (job,) = self.desk.claim(limit=1)
        row = strike_row(job, "result", weight=weight, rule="result.rule", severity=4)
        assert self.desk.jobs.block(job, result(job), [row])
        assert not self.desk.jobs.block(job, result(job), [row])
        self.ought[user][job.id] = weight

    def together(self, user: str, weight: float) -> None:
        """Four at the same moment: each sees the strikes of those before it."""
        names = [f"k{len(self.sent) + n}" for n in range(4)]
        news = [refused(self.desk.tenant_id, user, weight, idempotency_key=k, fingerprint=k) for k in names]
        for new, answer in zip(news, self.desk.submissions.submit_many(list(news)), strict=True):
            assert isinstance(answer, CoolingDown) is self.is_shut(user)
            if isinstance(answer, Submitted):
                self.note(new, answer.job, weight)

    def lift(self, user: str, weight: float) -> None:
        mine = self.ought[user]
        if weight > 1.0:
            assert self.store.lift(self.desk.tenant_id, "all", user=user) == len(mine)
            mine.clear()
        elif mine:
            job_id = next(iter(mine))
            assert self.store.lift(self.desk.tenant_id, "one", job_id=job_id) == 1
            del mine[job_id]

    def send_all_again(self, user: str, weight: float) -> None:
        """Copies are answered, also while their end-user cools down, and nothing is counted again."""
        for new, job_id in self.sent:
            again = new_job(self.desk.tenant_id, user=new.user, gate=GATE, also=new.also,
                            idempotency_key=new.idempotency_key, fingerprint=new.fingerprint)  # fmt: skip
            answer = self.desk.submissions.submit(again)
            assert (answer.replayed, answer.job.id) == (True, job_id)

    def check(self) -> None:
        for user, ought in self.ought.items():
            on_record = past(self.store, self.desk, user, limit=1000).strikes
            assert {strike.job_id: strike.weight for strike in on_record} == ought
            assert len(on_record) == len(ought)


@settings(max_examples=30, deadline=None)
@given(steps=st.lists(STEPS, max_size=12))
def test_every_refusal_counts_once_and_the_gate_follows(shared: Database, steps: list[tuple[str, str, float]]) -> None:
    world = World(shared)
    for step, user, weight in steps:
        world.do(step, user, weight)
        world.check()
