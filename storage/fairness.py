"""The arithmetic of weighted fair share: self-clocked fair queueing over flows.

A flow is what one tenant sends to one model at one priority.

Every job gets a finish tag when it is submitted, and the smallest tag is served next (S. J. Golestani, "A
self-clocked fair queueing scheme for broadband applications", IEEE INFOCOM 1994). The virtual time is the largest
tag ever claimed, so a flow that was idle starts level with the others instead of cashing in its absence, and one
that used idle capacity is not punished for it later.

What that promises, whatever arrives and however much: between the moment a job becomes the first of its flow and its
start, flow k is served work of at most `weight_k * cost / weight + largest_k`, where `cost / weight` are the job's
own and `largest_k` is the largest job of flow k. All queued tags lie at or above the virtual time, the job's tag
lies `cost / weight` above it, and tags of one flow are `cost_k / weight_k` apart. Work that is served again after a
crash or an error comes on top. docs/decisions/0008 has the proof.
"""

from __future__ import annotations


def fair_key(
    *, virtual_time: float, last_key: float, cost: float, tenant_weight: float, priority_weight: float
) -> float:
    """The finish tag of a job: `max(virtual_time, last_key) + cost / (tenant_weight * priority_weight)`.

    `cost` is the estimate of UNet rows and must be positive, as must both weights; `last_key` is the tag of the
    flow's previous job. Tags of one flow strictly increase, so its jobs keep their order.
    """
    return max(virtual_time, last_key) + cost / (tenant_weight * priority_weight)
