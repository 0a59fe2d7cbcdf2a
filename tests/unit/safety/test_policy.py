import hashlib
from pathlib import Path

import pytest

from safety.errors import PolicyError
from safety.policy import load_document, load_policy
from safety.policy_check import check_policy
from safety.policy_files import PACKAGED
from safety.signal_sections import rules_on_signals
from safety.verdict import Action

TEXT = PACKAGED.read_text()
LISTS = PACKAGED.with_name("word_lists.yaml")
MODEL_CARD = {
    "minor_sexual": "block",
    "ncii_nudify": "block",
    "sexual_adult": "review",
    "gore": "review",
    "demeaning": "review",
    "hate_stereotype": "review",
    "impersonation": "review",
    "disinformation": "review",
    "document_forgery": "review",
    "copyright_mark_removal": "review",
    "self_harm": "review",
    "factuality": "allow",
    "evasion": "review",
    "known_copy": "block",
    "test_pattern": "review",
    "unchecked": "review",
    "unmarked": "allow",
}


def _broken(tmp_path: Path, old: str, new: str) -> PolicyError:
    """What the packaged policy raises once `old`, which it has, is replaced by `new`."""
    assert TEXT.count(old) >= 1
    path = tmp_path / "policy.yaml"
    path.write_text(TEXT.replace(old, new, 1))
    with pytest.raises(PolicyError) as raised:
        load_policy(path)
    return raised.value


def _line(text: str) -> int:
    return next(n for n, line in enumerate(TEXT.splitlines(), start=1) if text in line)


def test_the_packaged_policy_says_which_file_it_is() -> None:
    policy = load_policy()
    assert policy.label == "inpaint-default@2026.2.0"
    assert policy.sha256 == hashlib.sha256(PACKAGED.read_bytes() + LISTS.read_bytes()).hexdigest()


def test_every_category_of_the_model_card_has_an_action_and_a_sentence() -> None:
    categories = load_policy().categories
    assert {name: category.action.value for name, category in categories.items()} == MODEL_CARD
    for category in categories.values():
        assert category.message[0].isupper()
        assert category.message.endswith(".")


def test_every_category_can_be_reached() -> None:
    document, _ = load_document()
    by_prompt = {rule.category for rule in document.prompt_rules}
    by_score = {rule.category for _, rule in rules_on_signals(document)}
    by_past = {rule.category for rule in (*document.behavior.retries, document.behavior.tenant)}
    by_size = {document.marking.category}
    assert by_prompt | by_score | by_past | by_size == document.categories.keys() - {"unchecked"}


def test_every_example_of_every_rule_comes_out() -> None:
    checked = check_policy(PACKAGED)
    assert checked.problems == ()
    assert checked.examples > 200


FIRST = load_document()[0].prompt_rules[0]


def test_an_example_that_does_not_come_out_is_named_with_its_line(tmp_path: Path) -> None:
    mistakes = [
        (f"- {FIRST.positive[0]}\n", "- a red scarf in spring\n", f"{FIRST.id} must apply and does not: 'a red scarf"),
        (f"- {FIRST.negative[0]}\n", f"- {FIRST.positive[0]}\n", f"{FIRST.id} must not apply and does: "),
        ("{test_pattern: 0.02}", "{test_pattern: -1.0}", "result.test_pattern must apply and does not"),
        ("severities: [6, 6, 6, 6]", "severities: []", "behavior.cooling_down must apply and does not"),
        ("{strikes: 50, requests: 250}", "{strikes: 1, requests: 250}", "behavior.tenant_strikes must apply"),
    ]
    path, text, expected = tmp_path / "policy.yaml", TEXT, []
    for old, new, says in mistakes:
        expected.append(f"{path}, line {TEXT[: TEXT.index(old)].count(chr(10)) + 1}: {says}")
        text = text.replace(old, new, 1)
    path.write_text(text)
    problems = check_policy(path).problems
    assert len(problems) == len(expected)
    for start in expected:
        assert any(problem.startswith(start) for problem in problems), start


def test_an_operators_own_policy_is_used(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(TEXT.replace("name: inpaint-default", "name: house-rules"))
    assert load_policy(path).label == "house-rules@2026.2.0"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"none\.yaml.*INPAINTD_POLICY"):
        load_policy(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("    severity: 6\n", "    severity: 5\n", "categories.minor_sexual.severity"),
        ("    action: block\n", "    action: scold\n", "categories.minor_sexual.action"),
        ("    within: 14\n", "    withn: 14\n", "prompt_rules.0.withn"),
        ("    category: minor_sexual\n", "    category: minor_sexul\n", "no category `minor_sexul`"),
        ("  - id: prompt.nudify_from\n", "  - id: prompt.nudify\n", "`prompt.nudify` is used twice"),
        ("notices: [factuality]\n", "notices: [facts]\n", "no category `facts`"),
        ("        threshold: 224\n", "        threshold: .nan\n", "input_signals.2.rules.0.threshold"),
    ],
)
def test_a_broken_policy_names_the_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    error = _broken(tmp_path, old, new)
    assert says in str(error)
    assert error.line == _line(old.strip())
    assert f"line {error.line}" in str(error)


def test_an_unknown_word_list_is_found_at_its_rule(tmp_path: Path) -> None:
    error = _broken(tmp_path, "all: [[minors, minors_abroad], ", "all: [[minor, minors_abroad], ")
    assert "no word list `minor`" in str(error)
    assert error.line == _line("- id: prompt.minor_sexual")


def test_a_rule_without_words_is_refused(tmp_path: Path) -> None:
    assert "asks for no words" in str(_broken(tmp_path, "    all: [[nudify_means]]\n", ""))


def test_a_rule_without_examples_is_refused(tmp_path: Path) -> None:
    old = TEXT[TEXT.index("    positive:\n      - deepnude style") : TEXT.index("  - id: prompt.nudify_state")]
    assert "positive" in str(_broken(tmp_path, old, ""))


def test_bad_yaml_and_repeated_keys_name_the_line(tmp_path: Path) -> None:
    assert _broken(tmp_path, "notices: [factuality]", "notices: [factuality").line is not None
    repeated = _broken(tmp_path, "version: 2026.2.0", "version: 2026.2.0\nversion: 2026.2.1")
    assert repeated.line == _line("version: 2026.2.0") + 1


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"- a\n- b\n", b"a: !!python/object:os.system {}\n"])
def test_what_is_no_policy_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(content)
    with pytest.raises(PolicyError):
        load_policy(path)


def test_a_policy_may_not_let_the_unchecked_pass(tmp_path: Path) -> None:
    unchecked = TEXT[TEXT.index("  unchecked:") : TEXT.index("# Sentences that go")]
    allowed = unchecked.replace(Action.REVIEW.value, Action.ALLOW.value, 1)
    assert "unchecked" in str(_broken(tmp_path, unchecked, allowed))
    assert "unchecked" in str(_broken(tmp_path, unchecked, "\n"))


def test_a_broken_list_of_words_names_its_own_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(TEXT)
    (tmp_path / "word_lists.yaml").write_text("people: [her]\nminors: child\n")
    with pytest.raises(PolicyError, match=r"word_lists\.yaml, line 2: lexicons\.minors"):
        load_policy(tmp_path / "policy.yaml")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("prompt.words.take_away, above", "prompt.words.take_awy, above", "there is no word list `take_awy`"),
        ("{signal: prompt.empty, above", "{signal: prompt.gor, above", "there is no category `gor`"),
        ("  - source: text\n", "", "`text` is not among `input_signals`"),
    ],
)
def test_a_rule_about_what_is_never_measured_is_found(tmp_path: Path, old: str, new: str, says: str) -> None:
    error = _broken(tmp_path, old, new)
    assert says in str(error)
    assert error.line is not None
