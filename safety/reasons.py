"""Why a person approved or rejected what the policy held: stable codes, each with a sentence."""

from enum import StrEnum


class Approval(StrEnum):
    """Why something may pass after all."""

    FALSE_ALARM = "false_alarm"
    CONTEXT = "context"
    CONSENT_SHOWN = "consent_shown"
    RIGHTS_SHOWN = "rights_shown"
    TEST = "test"


class Rejection(StrEnum):
    """Why something is refused for good."""

    POLICY = "policy"
    NO_CONSENT = "no_consent"
    NO_RIGHTS = "no_rights"
    DECEPTION = "deception"
    UNLAWFUL = "unlawful"


SENTENCES: dict[Approval | Rejection, str] = {
    Approval.FALSE_ALARM: "The rule was mistaken: it shows nothing of what the rule is for.",
    Approval.CONTEXT: "It is what the rule is for, and its purpose (news, art, medicine, teaching) allows it.",
    Approval.CONSENT_SHOWN: "The person who is shown has agreed, and that was shown.",
    Approval.RIGHTS_SHOWN: "The owner of the work has agreed, or the work is the caller's own, and that was shown.",
    Approval.TEST: "It is the product's own test pattern, or another trial of the service.",
    Rejection.POLICY: "It is what the rule is for, and nothing speaks for an exception.",
    Rejection.NO_CONSENT: "It shows a person who has not agreed to it.",
    Rejection.NO_RIGHTS: "It takes or alters the work of somebody who has not agreed to it.",
    Rejection.DECEPTION: "It is made to be taken for real.",
    Rejection.UNLAWFUL: "The law forbids it.",
}
