"""Where the console leads, by role."""

from __future__ import annotations

from dataclasses import dataclass

from storage.moderator_store import Role

ALL = frozenset(Role)
LEADS = frozenset({Role.AUDITOR, Role.LEAD, Role.ADMIN})
ADMINS = frozenset({Role.ADMIN})


@dataclass(frozen=True, slots=True)
class Link:
    """An entry of the navigation; `key` is what is typed after `g` to go there."""

    path: str
    label: str
    key: str
    roles: frozenset[Role] = ALL


LINKS = (
    Link("/console/", "Queues", "q"),
    Link("/console/cases", "Cases", "c"),
    Link("/console/decided", "Decided", "d"),
    Link("/console/bulk", "Bulk", "b", LEADS),
    Link("/console/measures", "Measures", "m", LEADS),
    Link("/console/record", "Record", "r", LEADS),
    Link("/console/figures", "Figures", "f", LEADS),
    Link("/console/banks", "Banks", "k", LEADS),
    Link("/console/policy", "Policy", "p", LEADS),
    Link("/console/operator", "Operator", "o", LEADS),
)


def links(role: Role) -> list[Link]:
    """The entries that this role sees."""
    return [link for link in LINKS if role in link.roles]
