"""How far moderators agree: with known answers, and with each other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from secrets import SystemRandom

from producer.errors import NotAllowed
from producer.moderation.care import UNSEEN_SEVERITY
from storage.also import Row
from storage.case import Case, CaseKind, Choice
from storage.case_store import Wanted
from storage.job import HeldAt, Job
from storage.known_store import Judgement, KnownStore

DAYS = 90.0


@dataclass(frozen=True, slots=True)
class Hits:
    """How many known cases a moderator judged, and how often they said what was expected."""

    moderator: str
    judged: int
    agreed: int

    @property
    def share(self) -> float:
        """Share of hits, 0..1."""
        return self.agreed / self.judged


@dataclass(frozen=True, slots=True)
class Pair:
    """Two moderators who judged the same `items` cases. `kappa` is Cohen's: 1 is full agreement, 0 that of chance."""

    first: str
    second: str
    items: int
    kappa: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """Mixes known cases in at a `share` of 0..1 and reads off what was said. `chance` gives 0..1, below 1."""

    known: KnownStore
    share: float
    chance: Callable[[], float] = SystemRandom().random

    def mixed_in(self, wanted: Wanted) -> Case | None:
        """Now and then, a known case in place of the next one. Raises DatabaseUnavailable."""
        return self.known.give(wanted) if self.chance() < self.share else None

    def mark(self, case: Case, job: Job, also: Sequence[Row] = ()) -> None:
        """Makes a decided case one with a known answer: what was decided. Raises NotAllowed where it cannot be one."""
        if case.ruling is None or case.undone_at is not None:
            raise NotAllowed("Only a decision that stands can be a known answer.")
        if not _shows(case, job):
            raise NotAllowed("Its pictures are gone, and nobody could judge it again without them.")
        if not self.known.mark(case.id, case.ruling.choice, also):
            raise NotAllowed("Only a case of a held job can have a known answer.")

    def learn(self, case: Case, about: Sequence[Case], job: Job) -> None:
        """What two people agreed on is a known answer without anybody's marking it, where it can be judged again.

        `about` are the cases of the same `job`: what an appeal came to is the answer to the case that it was about.
        The gravest are left out: nobody has to look at those to be measured.
        """
        asked = {CaseKind.HELD: case, CaseKind.APPEAL: _refusal(about)}.get(case.kind)
        if case.ruling is None or asked is None or case.severity >= UNSEEN_SEVERITY or not _shows(asked, job):
            return
        self.known.mark(asked.id, case.ruling.choice)

    def hits(self, days: float = DAYS) -> list[Hits]:
        """By moderator, over the last days. Raises DatabaseUnavailable."""
        return hits(self.known.judgements(days))

    def pairs(self, days: float = DAYS) -> list[Pair]:
        """Of every two who judged the same cases. Raises DatabaseUnavailable."""
        return pairs(self.known.judgements(days))


def _refusal(about: Sequence[Case]) -> Case | None:
    """The last case of a held job that was rejected: what an appeal is about. A job may have been held twice."""
    real = [one for one in about if one.kind is CaseKind.HELD and one.copy_of is None and one.undone_at is None]
    refused = [one for one in real if one.ruling is not None and one.ruling.choice is Choice.REJECT]
    return refused[-1] if refused else None


def _shows(case: Case, job: Job) -> bool:
    """Whether there is still something to look at."""
    return job.has_inputs and job.has_results and (case.held_at != HeldAt.RESULT or bool(job.images))


def hits(judgements: Iterable[Judgement]) -> list[Hits]:
    """By moderator, in the order of their names."""
    judged: Counter[str] = Counter()
    agreed: Counter[str] = Counter()
    for said in judgements:
        judged[said.moderator] += 1
        agreed[said.moderator] += said.choice == said.expected
    return [Hits(name, judged[name], agreed[name]) for name in sorted(judged)]


def pairs(judgements: Iterable[Judgement]) -> list[Pair]:
    """Every two moderators with a case in common. Who judged one twice counts with the last word."""
    by_item: dict[str, dict[str, str]] = defaultdict(dict)
    for said in judgements:
        by_item[said.item][said.moderator] = said.choice.value
    common: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for words in by_item.values():
        for first, second in combinations(sorted(words), 2):
            common[first, second].append((words[first], words[second]))
    return [Pair(*names, len(both), kappa(both)) for names, both in sorted(common.items())]


def kappa(both: Sequence[tuple[str, str]]) -> float:
    """Cohen's kappa (1960): (p_o - p_e) / (1 - p_e), of what two people said about the same things.

    `both` holds at least one pair. Where each always said one and the same thing, chance agrees fully and the figure
    has no meaning; it is 1 then.
    """
    count = len(both)
    observed = sum(a == b for a, b in both) / count
    first, second = Counter(a for a, _ in both), Counter(b for _, b in both)
    expected = sum(first[word] * second[word] for word in first) / count**2
    return 1.0 if expected == 1.0 else (observed - expected) / (1.0 - expected)
