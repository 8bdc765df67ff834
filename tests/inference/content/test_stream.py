from __future__ import annotations

import re
from itertools import pairwise
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.content import Rule, StreamFilter, compile_rules, screen

REPLACEMENT = "•"
PATTERNS = [
    "ab",
    "abc",
    "b{2,3}",
    "a[bc]{1,3}d",
    "ca|cab",
    "(?:ab){1,3}",
    r"\ba",
    r"c\b",
    "^a",
    "d$",
    "aa?b?",
]


def make_rule(
    source: str, action: Literal["mask", "block"], kind: Literal["regex", "words"] = "regex"
) -> Rule:
    return Rule(f"{action} {source}", kind, source, action, REPLACEMENT)


RULES = st.lists(
    st.builds(make_rule, st.sampled_from(PATTERNS), st.sampled_from(["mask", "block"])),
    min_size=1,
    max_size=4,
    unique_by=lambda rule: rule.source,
).map(tuple)
TEXTS = st.text(alphabet="abcd ", max_size=30)


def split(text: str, cuts: list[int]) -> list[str]:
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [text[start:end] for start, end in pairwise(places)]


CUTS = st.lists(st.integers(0, 1000), max_size=30)


def in_pieces(rules: tuple[Rule, ...], pieces: list[str]) -> tuple[list[str], Rule | None]:
    filtering = StreamFilter(compile_rules(rules))
    shown = [filtering.push(piece) for piece in pieces]
    return [*shown, filtering.finish()], filtering.blocked_by


def by_python(text: str, rules: tuple[Rule, ...]) -> tuple[str, Rule | None]:
    """What should be shown of a whole text, by Python's engine: the leftmost first, blocks before masks."""
    shown, at = "", 0
    while True:
        found = [
            (match.start(), rule.action != "block", n, match.end(), rule)
            for n, rule in enumerate(rules)
            if (match := re.compile(rule.source.replace("$", r"\Z")).search(text, at))
        ]
        found = [each for each in found if each[0] >= at]
        if not found:
            return shown + text[at:], None
        start, masks, _, end, rule = min(found)
        shown += text[at:start]
        if not masks:
            return shown, rule
        shown, at = shown + REPLACEMENT, end


@given(RULES, TEXTS, CUTS)
def test_a_split_changes_nothing(rules: tuple[Rule, ...], text: str, cuts: list[int]) -> None:
    shown, blocked_by = in_pieces(rules, split(text, cuts))
    expected, rule = by_python(text, rules)
    assert "".join(shown) == expected
    assert (blocked_by and blocked_by.action) == (rule and rule.action)


PHRASES = st.lists(
    st.text(alphabet="abü ", min_size=1, max_size=6).map(str.strip).filter(bool), min_size=1, max_size=4
)


@given(PHRASES, st.text(alphabet="abü ,", max_size=40), CUTS)
def test_a_blocked_phrase_is_never_shown(phrases: list[str], text: str, cuts: list[int]) -> None:
    rule = make_rule("\n".join(phrases), "block", "words")
    shown = "".join(in_pieces((rule,), split(text, cuts))[0])
    assert screen(shown, compile_rules((rule,))).blocked_by is None
    assert text.startswith(shown)


@given(RULES, TEXTS, CUTS)
def test_what_is_shown_is_never_taken_back(rules: tuple[Rule, ...], text: str, cuts: list[int]) -> None:
    """A prefix of the text shows a prefix of what the whole text shows, but for its own end."""
    filtering = StreamFilter(compile_rules(rules))
    soon = "".join(map(filtering.push, split(text, cuts)))
    whole = "".join(in_pieces(rules, [text + "zz"])[0])
    assert whole.startswith(soon)


def test_only_what_may_be_a_match_is_held() -> None:
    filtering = StreamFilter(compile_rules((make_rule("secret plan", "block", "words"),)))
    assert filtering.push("The se") == "The "
    assert filtering.push("a is a secret pl") == "sea is a "
    assert filtering.push("ace") == "secret place"
    assert filtering.push(". A secret plan") == ". A "
    assert filtering.blocked_by is None
    assert filtering.push("!") == ""
    assert filtering.blocked_by is not None
    assert filtering.push("more") == filtering.finish() == ""


def test_the_end_of_a_text_ends_a_word() -> None:
    filtering = StreamFilter(compile_rules((make_rule("bad", "mask", "words"),)))
    assert (filtering.push("so bad"), filtering.holds) == ("so ", True)
    assert (filtering.finish(), filtering.masked) == (REPLACEMENT, 1)


@pytest.mark.parametrize("action", ["flag", "warn"])
def test_notices(action: Literal["flag", "warn"]) -> None:
    rule = Rule("1", "words", "bad", action)
    seen = screen("So bad.", compile_rules((rule,)))
    assert (seen.text, seen.blocked_by, seen.notices) == ("So bad.", None, (rule,))
    assert screen("badge", compile_rules((rule,))).notices == ()


def test_many_masks_in_a_long_text() -> None:
    seen = screen("bad " * 15_000, compile_rules((make_rule("bad", "mask", "words"),)))
    assert seen.text == "• " * 15_000
