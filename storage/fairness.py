"""The arithmetic of weighted fair share: self-clocked fair queueing over tenants and priorities.

Every job gets a finish tag when it is submitted, and the smallest tag is served next (S. J. Golestani, "A
self-clocked fair queueing scheme for broadband applications", IEEE INFOCOM 1994). The virtual time is the largest
tag ever claimed, so a tenant that was idle starts level with the others instead of cashing in its absence, and one
that used idle capacity is not punished for it later.
"""

from __future__ import annotations


def fair_key(
    *, virtual_time: float, last_key: float, cost: float, tenant_weight: float, priority_weight: float
) -> float:
    """The finish tag of a job: `max(virtual_time, last_key) + cost / (tenant_weight * priority_weight)`.

    `cost` is the estimate of UNet rows and must be positive, as must both weights; `last_key` is the tag of the
    tenant's previous job. Tags of one tenant strictly increase, so its own jobs of one priority keep their order.
    """
    return max(virtual_time, last_key) + cost / (tenant_weight * priority_weight)
