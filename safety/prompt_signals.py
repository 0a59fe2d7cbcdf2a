"""What the words of a request speak of, as signals, so that rules can combine them with what a picture shows."""

from safety.evidence import WHOLE, Evidence, Scores
from safety.prompts import PromptRules


class PromptSource:
    """`prompt.empty`; `prompt.words.LIST` for each word list that is spoken of; `prompt.CATEGORY`: gravest finding."""

    name = "prompt"
    version = "1"

    def __init__(self, rules: PromptRules) -> None:
        self._rules = rules

    def measure(self, evidence: Evidence) -> Scores:
        """See SignalSource. Raises ValueError without a submission."""
        sent = evidence.submission
        if sent is None:
            raise ValueError("there is no request whose words could be read")
        scores = {"empty": float(not sent.prompt.strip())}
        scores |= {f"words.{name}": 1.0 for name in sorted(self._rules.mentions(sent.prompt))}
        for finding in sent.findings:
            scores[finding.category] = max(scores.get(finding.category, 0.0), float(finding.severity))
        return {WHOLE: scores}
