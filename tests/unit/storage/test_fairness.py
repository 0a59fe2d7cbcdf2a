"""Laws of the fair share that hold for any arrivals."""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.fairness import fair_key
from storage.job import Priority
from tests.fair_share import worst_wait

costs = st.floats(1, 600)
arrivals = st.lists(st.tuples(st.sampled_from("ABC"), costs), min_size=1, max_size=60)
weights = st.fixed_dictionaries({name: st.sampled_from([0.5, 1.0, 4.0]) for name in "ABC"})


def tags(jobs: list[tuple[str, float]], weight: dict[str, float]) -> list[tuple[float, str, float]]:
    last: dict[str, float] = defaultdict(float)
    tagged = []
    for tenant, cost in jobs:
        last[tenant] = fair_key(
            virtual_time=0.0, last_key=last[tenant], cost=cost, tenant_weight=weight[tenant], priority_weight=4
        )
        tagged.append((last[tenant], tenant, cost))
    return tagged


@given(arrivals, weights)
def test_a_tenants_own_jobs_keep_their_order(jobs: list[tuple[str, float]], weight: dict[str, float]) -> None:
    for name in "ABC":
        mine = [key for key, tenant, _ in tags(jobs, weight) if tenant == name]
        assert mine == sorted(set(mine))


@given(arrivals, weights)
def test_backlogged_tenants_are_served_by_weight_within_one_job_each(
    jobs: list[tuple[str, float]], weight: dict[str, float]
) -> None:
    """Golestani's bound: while both wait, normalized service differs by one job of each at most."""
    heap = tags(jobs, weight)
    heapq.heapify(heap)
    waiting = defaultdict(int)
    for _, tenant, _ in heap:
        waiting[tenant] += 1
    served: dict[str, float] = defaultdict(float)
    longest = {name: max((c for t, c in jobs if t == name), default=0.0) for name in "ABC"}
    while heap:
        for one in "ABC":
            for other in "ABC":
                if waiting[one] and waiting[other]:
                    gap = abs(served[one] / weight[one] - served[other] / weight[other])
                    assert gap <= longest[one] / weight[one] + longest[other] / weight[other] + 1e-6
        _, tenant, cost = heapq.heappop(heap)
        served[tenant] += cost
        waiting[tenant] -= 1


def test_a_tenant_that_was_idle_starts_level_with_the_others() -> None:
    back = fair_key(virtual_time=500.0, last_key=10.0, cost=40, tenant_weight=1, priority_weight=4)
    assert back == 510.0


Flow = tuple[str, Priority]
flows = st.tuples(st.sampled_from("ABC"), st.sampled_from(list(Priority)))
# (seconds since the arrival before, flow, cost); a job of cost 60 is served in 60 seconds.
patterns = st.lists(st.tuples(st.sampled_from([0.0, 1.0, 50.0, 900.0]), flows, costs), min_size=1, max_size=60)


@dataclass
class Waiting:
    """A job in the queue; `ahead` is the work that started since it was the first of its flow."""

    flow: Flow
    cost: float
    ahead: float = 0.0


@dataclass
class Server:
    """One server with the queue's own arithmetic: tags at arrival, the smallest first, the last claimed is the time."""

    weight: dict[str, float]
    virtual_time: float = 0.0
    served: list[Waiting] = field(default_factory=list)
    last: dict[Flow, float] = field(default_factory=lambda: defaultdict(float))
    heap: list[tuple[float, int, Waiting]] = field(default_factory=list)
    line: dict[Flow, deque[Waiting]] = field(default_factory=lambda: defaultdict(deque))
    numbers: Iterable[int] = field(default_factory=itertools.count)

    def of(self, flow: Flow) -> float:
        """The weight of a flow."""
        return self.weight[flow[0]] * flow[1].weight

    def arrive(self, flow: Flow, cost: float) -> Waiting:
        """Queues a job."""
        self.last[flow] = fair_key(
            virtual_time=self.virtual_time,
            last_key=self.last[flow],
            cost=cost,
            tenant_weight=self.weight[flow[0]],
            priority_weight=flow[1].weight,
        )
        job = Waiting(flow, cost)
        self.line[flow].append(job)
        heapq.heappush(self.heap, (self.last[flow], next(iter(self.numbers)), job))
        return job

    def claim(self) -> Waiting:
        """Starts the next job."""
        tag, _, job = heapq.heappop(self.heap)
        assert self.line[job.flow].popleft() is job, "jobs of a flow keep their order"
        self.virtual_time = max(self.virtual_time, tag)
        for line in self.line.values():
            if line and line[0].flow != job.flow:
                line[0].ahead += job.cost
        self.served.append(job)
        return job


def serve(pattern: Sequence[tuple[float, Flow, float]], weight: dict[str, float]) -> Server:
    """Serves a pattern of arrivals to its end, one job at a time."""
    server, now, free_at = Server(weight), 0.0, 0.0
    times = list(itertools.accumulate(gap for gap, _, _ in pattern))
    arrivals = [(at, flow, cost) for at, (_, flow, cost) in zip(times, pattern, strict=True)]
    while arrivals or server.heap:
        now = max(free_at, now if server.heap else arrivals[0][0])
        while arrivals and arrivals[0][0] <= now:
            _, flow, cost = arrivals.pop(0)
            server.arrive(flow, cost)
        free_at = now + server.claim().cost
    return server


@given(patterns, weights)
def test_no_job_waits_beyond_its_bound_whatever_arrives(
    pattern: list[tuple[float, Flow, float]], weight: dict[str, float]
) -> None:
    server = serve(pattern, weight)
    largest: dict[Flow, float] = defaultdict(float)
    for _, flow, cost in pattern:
        largest[flow] = max(largest[flow], cost)
    for job in server.served:
        others = [(server.of(flow), most) for flow, most in largest.items() if flow != job.flow]
        assert job.ahead <= worst_wait(job.cost, server.of(job.flow), others) * (1 + 1e-9)
    assert len(server.served) == len(pattern)


@given(weights, st.lists(flows, min_size=2, max_size=5, unique=True))
def test_flows_that_always_wait_are_served_by_weight_in_the_long_run(
    weight: dict[str, float], busy: list[Flow]
) -> None:
    server = Server(weight)
    for flow in busy:
        for _ in range(3):
            server.arrive(flow, 10)
    served: dict[Flow, float] = defaultdict(float)
    for _ in range(300):
        job = server.claim()
        served[job.flow] += job.cost
        server.arrive(job.flow, 10)
    shares = [served[flow] / server.of(flow) for flow in busy]
    assert max(shares) - min(shares) <= 2 * 10 / min(server.of(flow) for flow in busy) + 1e-6


@pytest.mark.parametrize("before", [0, 1, 50_000])
def test_a_flood_of_a_hundred_thousand_jobs_holds_nobody_up(before: int) -> None:
    server, flood = Server({"flood": 1.0, "quiet": 1.0}), ("flood", Priority.STANDARD)
    for _ in range(100_000):
        server.arrive(flood, 60)
    for _ in range(before):
        server.claim()
    quiet = server.arrive(("quiet", Priority.STANDARD), 60)
    while server.claim() is not quiet:
        pass
    assert quiet.ahead <= worst_wait(60, 4, [(4, 60)]) == 120, "two jobs of the flood"


def test_a_tenants_own_bulk_does_not_hold_up_what_it_waits_for() -> None:
    server, bulk = Server({"A": 1.0}), ("A", Priority.BULK)
    for _ in range(100_000):
        server.arrive(bulk, 60)
    urgent = server.arrive(("A", Priority.INTERACTIVE), 60)
    while server.claim() is not urgent:
        pass
    assert urgent.ahead <= worst_wait(60, 8, [(1, 60)]) == 67.5
