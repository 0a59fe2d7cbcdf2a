"""Laws of the fair share that hold for any arrivals."""

from __future__ import annotations

import heapq
from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from storage.fairness import fair_key

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
