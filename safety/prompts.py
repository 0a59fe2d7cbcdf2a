"""Rules about prompts: which words together mean what."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, KeysView, Mapping, Sequence
from itertools import chain

from safety.lexicon import Hit, Lexicons
from safety.policy_schema import Category, PromptRule
from safety.verdict import Finding, Stage

_NEGATIONS = "negations"
_INNOCENT = "innocent_phrases"


_Asked = tuple[frozenset[str], ...]
"""Groups of lists, each of which must have a hit."""


class PromptRules:
    """All prompt rules of one policy, ready to judge."""

    def __init__(
        self,
        rules: Sequence[PromptRule],
        categories: Mapping[str, Category],
        lexicons: Mapping[str, Sequence[str]],
        misspelled: Sequence[str] = (),
    ) -> None:
        self._rules = tuple((rule, _asked_of(rule.all), _asked_of(rule.negative_all)) for rule in rules)
        self._by_list = _by_list(rules)
        self._categories = categories
        self._lexicons = Lexicons(lexicons, misspelled)

    def judge(self, prompt: str, negative_prompt: str) -> tuple[Finding, ...]:
        """One finding per rule that applies, in the order of the policy.

        The negative prompt is judged apart: words in it count only for rules that ask for them there.
        """
        text, negative = self._hits(prompt), self._hits(negative_prompt)
        # Most rules ask for something that the text has no word of: seen here, that costs next to nothing.
        near = set().union(*(self._by_list.get(name, ()) for name in (*text.names, *negative.names)))
        some = (self._rules[place] for place in sorted(near))
        asked = (rule for rule, of_text, of_negative in some if text.has(of_text) and negative.has(of_negative))
        judged = ((rule, _apply(rule, text, negative)) for rule in asked)
        return tuple(self._finding(rule, found) for rule, found in judged if found is not None)

    def mentions(self, prompt: str) -> frozenset[str]:
        """The names of the word lists that the prompt has words of; what it negates does not count."""
        return self._hits(prompt).affirmed

    def _hits(self, text: str) -> "_Hits":
        return _Hits(_guilty(self._lexicons.search(text)) if text else ())

    def _finding(self, rule: PromptRule, in_prompt: Sequence[Hit]) -> Finding:
        category = self._categories[rule.category]
        return Finding(
            rule=rule.id,
            category=rule.category,
            severity=category.severity if rule.severity is None else rule.severity,
            stage=Stage.REQUEST,
            action=rule.action or category.action,
            detail=category.message,
            span=(min(h.start for h in in_prompt), max(h.end for h in in_prompt)) if in_prompt else None,
        )


class _Hits:
    """The hits of one text by word list, in the order of the text."""

    def __init__(self, hits: Sequence[Hit]) -> None:
        negated = {h.last + 1 for h in hits if h.lexicon == _NEGATIONS}
        self._all: dict[str, list[Hit]] = {}
        self._affirmed: dict[str, list[Hit]] = {}
        for hit in sorted(hits, key=_place):
            self._all.setdefault(hit.lexicon, []).append(hit)
            if hit.first not in negated:
                self._affirmed.setdefault(hit.lexicon, []).append(hit)

    def has(self, asked: "_Asked") -> bool:
        """Whether each group of lists has a hit, wherever it stands."""
        names = self.names
        return all(not names.isdisjoint(group) for group in asked)

    @property
    def names(self) -> KeysView[str]:
        """The lists with a hit."""
        return self._all.keys()

    @property
    def affirmed(self) -> frozenset[str]:
        """The lists with a hit that no negation precedes."""
        return frozenset(self._affirmed)

    def of(self, lexicons: Sequence[str], *, affirmed: bool = False) -> list[Hit]:
        """Hits of any of `lexicons`; only those that no negation precedes when `affirmed`."""
        by_lexicon = self._affirmed if affirmed else self._all
        found = [by_lexicon[name] for name in lexicons if name in by_lexicon]
        return found[0] if len(found) == 1 else sorted(chain.from_iterable(found), key=_place)


def _by_list(rules: Sequence[PromptRule]) -> dict[str, list[int]]:
    """The places of the rules that can only apply where a list has a hit: one of the first group they ask for."""
    places: dict[str, list[int]] = {}
    for place, rule in enumerate(rules):
        for name in (*rule.all, *rule.negative_all, ())[0]:
            places.setdefault(name, []).append(place)
    return places


def _asked_of(groups: Sequence[Sequence[str]]) -> _Asked:
    return tuple(map(frozenset, groups))


def _guilty(hits: Sequence[Hit]) -> list[Hit]:
    """The hits that have no word in common with an innocent phrase ("nude lipstick")."""
    innocent = {w for h in hits if h.lexicon == _INNOCENT for w in range(h.first, h.last + 1)}
    return [h for h in hits if innocent.isdisjoint((h.first, h.last))] if innocent else list(hits)


def _place(hit: Hit) -> tuple[int, int]:
    return hit.first, hit.last


def _apply(rule: PromptRule, text: _Hits, negative: _Hits) -> Sequence[Hit] | None:
    """The hits in the prompt that make `rule` apply (none, where it asks only for the negative prompt), or None."""
    affirmed = rule.negations == "respected"
    in_prompt = _together(rule, [text.of(group, affirmed=affirmed) for group in rule.all], text)
    if in_prompt is None or negative.of(rule.negative_unless):
        return None
    in_negative = _together(rule, [negative.of(group) for group in rule.negative_all], negative)
    return None if in_negative is None else in_prompt


def _together(rule: PromptRule, candidates: Sequence[Sequence[Hit]], text: _Hits) -> Sequence[Hit] | None:
    """The closest choice of one hit out of each of `candidates` that keeps the rule's distances, or None.

    One word may serve several lists: "nudify" is both the deed and the state. Linear in the hits, for a prompt may
    repeat its words on purpose.
    """
    if not candidates:
        return ()
    if not all(candidates):
        return None
    barriers = [h.first for h in text.of(rule.not_between)]
    excuses = [h.first for h in text.of(rule.unless)]
    found = _in_order(candidates) if rule.ordered else _choices(candidates)
    choices = (choice for choice in found if _extent(choice) <= rule.within)
    valid = (c for c in choices if not _divided(c, barriers) and not _excused(c, excuses, rule.unless_within))
    return min(valid, key=_extent, default=None)


def _divided(choice: Sequence[Hit], barriers: Sequence[int]) -> bool:
    """Whether a barrier stands between the words of `choice`; `barriers` ascend."""
    after = bisect_right(barriers, min(h.last for h in choice))
    return after < len(barriers) and barriers[after] < max(h.first for h in choice)


def _excused(choice: Sequence[Hit], excuses: Sequence[int], within: int) -> bool:
    """Whether an excuse stands at most `within` words from the words of `choice`; `excuses` ascend.

    Far ones do not count, or any prompt could be excused by a word at its end.
    """
    after = bisect_left(excuses, min(h.first for h in choice) - within)
    return after < len(excuses) and excuses[after] <= max(h.last for h in choice) + within


def _choices(candidates: Sequence[Sequence[Hit]]) -> Iterator[list[Hit]]:
    """For each hit as the leftmost: the nearest hits of all lists from there on."""
    following = [0] * len(candidates)
    for left in sorted({hit.first for found in candidates for hit in found}):
        for index, found in enumerate(candidates):
            while following[index] < len(found) and found[following[index]].first < left:
                following[index] += 1
            if following[index] == len(found):
                return
        yield [found[at] for found, at in zip(candidates, following, strict=True)]


def _in_order(candidates: Sequence[Sequence[Hit]]) -> Iterator[list[Hit]]:
    """For each hit of the first list: the nearest hit of the second after it, and so on."""
    starts = [[hit.first for hit in found] for found in candidates]
    for hit in candidates[0]:
        choice = [hit]
        for found, begins in zip(candidates[1:], starts[1:], strict=True):
            at = bisect_right(begins, choice[-1].last)
            if at == len(found):
                return
            choice.append(found[at])
        yield choice


def _extent(choice: Sequence[Hit]) -> int:
    return max(h.last for h in choice) - min(h.first for h in choice) + 1
