"""What the policy's sections on signals must agree on among themselves."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from safety.policy_schema import PolicyDocument
from safety.signal_schema import ScoreRule, SignalRule
from safety.yaml_lines import Place

_STAGES = ("input", "result")


def rules_on_signals(document: PolicyDocument) -> Iterator[tuple[Place, ScoreRule | SignalRule]]:
    """Every rule that judges signals, with its place in the document."""
    for stage in _STAGES:
        for i, required in enumerate(getattr(document, f"{stage}_signals")):
            for j, rule in enumerate(required.rules):
                yield (f"{stage}_signals", i, "rules", j), rule
        for i, rule in enumerate(getattr(document, f"{stage}_rules")):
            yield (f"{stage}_rules", i), rule


def unmeasured(document: PolicyDocument) -> Iterator[tuple[Place, str]]:
    """Rules about signals that are never measured: they would stay silent, and nobody would notice."""
    for stage in _STAGES:
        sources = [required.source for required in getattr(document, f"{stage}_signals")]
        for i, rule in enumerate(getattr(document, f"{stage}_rules")):
            for bound in rule.all:
                asked = bound.signal.partition(".")[0]
                if not any(fnmatchcase(source, asked) for source in sources):
                    yield (
                        (f"{stage}_rules", i),
                        f"{rule.id} judges `{bound.signal}`, but `{asked}` is not among `{stage}_signals`: require it.",
                    )
                if unsaid := _unsaid(bound.signal, document):
                    yield (f"{stage}_rules", i), f"{rule.id} judges `{bound.signal}`, but {unsaid}."


def _unsaid(signal: str, document: PolicyDocument) -> str | None:
    """What is wrong with a signal about the prompt; None where it can be measured."""
    source, _, concept = signal.partition(".")
    if source != "prompt" or concept == "empty":
        return None
    words = concept.removeprefix("words.")
    known = document.categories if words == concept else document.lexicons
    if any(fnmatchcase(name, words) for name in known):
        return None
    return f"there is no category `{words}`" if words == concept else f"there is no word list `{words}`"
