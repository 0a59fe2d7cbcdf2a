"""Rules about prompts: which words together mean what."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

from safety.lexicon import Hit, Lexicons
from safety.policy_schema import Category, PromptRule
from safety.text_normal import words
from safety.verdict import Finding, Stage

_NEGATIONS = "negations"
_INNOCENT = "innocent_phrases"


class PromptRules:
    """All prompt rules of one policy, ready to judge."""

    def __init__(
        self,
        rules: Sequence[PromptRule],
        categories: Mapping[str, Category],
        lexicons: Mapping[str, Sequence[str]],
    ) -> None:
        self._rules = tuple(rules)
        self._categories = categories
        self._lexicons = Lexicons(lexicons)

    def judge(self, prompt: str, negative_prompt: str) -> tuple[Finding, ...]:
        """One finding per rule that applies, in the order of the policy.

        The negative prompt is judged apart: words in it count only for rules that ask for them there.
        """
        hits = _guilty(self._lexicons.search(words(prompt)))
        negative_hits = _guilty(self._lexicons.search(words(negative_prompt)))
        judged = ((rule, _apply(rule, hits, negative_hits)) for rule in self._rules)
        return tuple(self._finding(rule, found) for rule, found in judged if found)

    def _finding(self, rule: PromptRule, found: Sequence[Sequence[Hit]]) -> Finding:
        category = self._categories[rule.category]
        in_prompt = found[0]
        return Finding(
            rule=rule.id,
            category=rule.category,
            severity=category.severity if rule.severity is None else rule.severity,
            stage=Stage.REQUEST,
            action=rule.action or category.action,
            detail=category.message,
            span=(min(h.start for h in in_prompt), max(h.end for h in in_prompt)) if in_prompt else None,
        )


def _apply(
    rule: PromptRule, hits: Sequence[Hit], negative_hits: Sequence[Hit]
) -> tuple[Sequence[Hit], Sequence[Hit]] | None:
    """The hits in prompt and negative prompt that make `rule` apply, or None."""
    if any(hit.lexicon in rule.unless for hit in hits):
        return None
    counted = hits if rule.negations == "ignored" else _affirmed(hits)
    in_prompt = _together(rule.all, counted, rule)
    in_negative = _together(rule.negative_all, negative_hits, rule)
    return None if in_prompt is None or in_negative is None else (in_prompt, in_negative)


def _affirmed(hits: Sequence[Hit]) -> list[Hit]:
    negated = {h.last + 1 for h in hits if h.lexicon == _NEGATIONS}
    return [h for h in hits if h.first not in negated]


def _guilty(hits: Sequence[Hit]) -> list[Hit]:
    """The hits that are not part of an innocent phrase ("nude lipstick"), in the order of the text."""
    innocent = {w for h in hits if h.lexicon == _INNOCENT for w in range(h.first, h.last + 1)}
    return sorted((h for h in hits if h.first not in innocent), key=_place)


def _place(hit: Hit) -> tuple[int, int]:
    return hit.first, hit.last


def _together(groups: Sequence[Sequence[str]], hits: Sequence[Hit], rule: PromptRule) -> Sequence[Hit] | None:
    """The closest choice of one hit for each group that keeps the rule's distances, or None.

    One word may serve several groups: "nudify" is both the deed and the state. Nearly linear in the hits, for a
    prompt may repeat its words on purpose.
    """
    if not groups:
        return ()
    candidates = [[h for h in hits if h.lexicon in group] for group in groups]
    barriers = [h.first for h in hits if h.lexicon in rule.not_between]
    choices = (choice for choice in _choices(candidates) if _extent(choice) <= rule.within)
    return min((c for c in choices if not _divided(c, barriers)), key=_extent, default=None)


def _divided(choice: Sequence[Hit], barriers: Sequence[int]) -> bool:
    """Whether a barrier stands between the words of `choice`; `barriers` ascend."""
    after = bisect_right(barriers, min(h.last for h in choice))
    return after < len(barriers) and barriers[after] < max(h.first for h in choice)


def _choices(candidates: list[list[Hit]]) -> Iterator[list[Hit]]:
    """For each hit as the leftmost: the nearest hits of all groups from there on. Candidates come in text order."""
    if not all(candidates):
        return
    following = [0] * len(candidates)
    for left in sorted({hit.first for found in candidates for hit in found}):
        for group, found in enumerate(candidates):
            while following[group] < len(found) and found[following[group]].first < left:
                following[group] += 1
            if following[group] == len(found):
                return
        yield [found[at] for found, at in zip(candidates, following, strict=True)]


def _extent(choice: Sequence[Hit]) -> int:
    return max(h.last for h in choice) - min(h.first for h in choice) + 1
