from __future__ import annotations

import re

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from inference.content import PatternError, regex_pattern, words_pattern
from inference.content.rules import MAX_LONGEST, Rule, check_rule

LEAVES = st.sampled_from(["a", "b", "[ab]", "[^a]", ".", r"\w", r"\W", r"[\Wb]"])


def nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    repeats = st.sampled_from(["?", "{1,3}", "{2}", "{0,2}?", "+"])
    return st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(inner, repeats).map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
    )


REGEXES = st.recursive(LEAVES, nested, max_leaves=6).map(lambda source: f"a{source}")
TEXTS = st.text(alphabet="ab -", max_size=8)


@given(REGEXES, TEXTS)
def test_it_matches_what_python_would(source: str, text: str) -> None:
    ours = re2.compile(regex_pattern(source).whole).search(text)
    theirs = re.search(source, text, re.IGNORECASE)
    assert (ours and ours.span()) == (theirs and theirs.span())


@given(REGEXES, TEXTS, st.integers(0, 8))
def test_every_beginning_of_a_match_is_a_beginning(source: str, text: str, size: int) -> None:
    if re.fullmatch(source, text, re.IGNORECASE):
        assert re2.compile(regex_pattern(source).begun).fullmatch(text[:size])


@pytest.mark.parametrize(
    ("source", "begins", "does_not"),
    [
        ("ab(cd|ef)g", ["", "a", "ab", "abc", "abe", "abcd", "abcdg"], ["b", "abce", "abcdgg", "abcf"]),
        ("a(bc){2}", ["abcb", "abcbc"], ["abcbcb", "abb"]),
        (r"\d{2,3}-x", ["1", "123", "12-"], ["1-", "1234"]),
    ],
)
def test_beginnings(source: str, begins: list[str], does_not: list[str]) -> None:
    begun = re2.compile(regex_pattern(source).begun)
    assert all(begun.fullmatch(text) for text in begins)
    assert not any(begun.fullmatch(text) for text in does_not)


@pytest.mark.parametrize(
    ("words", "text", "found"),
    [
        ("bad", "a BAD one", "BAD"),
        ("bad", "badge", None),
        ("über", "das ist über", "über"),
        ("ber", "über", None),
        ("cheap watch\ncheap", "cheap watches", "cheap"),
        ("cheap watch\ncheap", "cheap  watch", "cheap  watch"),
        ("#tag", "so#tag", "#tag"),
        ("c++", "in C++17", "C++"),
        ("a.c", "abc", None),
    ],
)
def test_words_stand_alone(words: str, text: str, found: str | None) -> None:
    match = re2.compile(words_pattern(words).whole).search(text)
    assert (match and match.group(match.lastindex)) == found


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("(?=x)y", "linear time"),
        (r"(a)\1", "linear time"),
        ("(?<!a)b", "linear time"),
        ("a*", "nothing at all"),
        ("", "nothing at all"),
        ("(a", "cannot be read"),
        ("a{1,2000}", "cannot be used"),
        (r"[^\W]", "another way"),
        ("x" * 501, "more than 500"),
    ],
)
def test_patterns_that_are_refused(source: str, says: str) -> None:
    with pytest.raises(PatternError, match=says):
        check_rule(Rule("1", "regex", source, "mask"), while_written=False)


@pytest.mark.parametrize("source", ["", "\n \n", "\n".join(map(str, range(501))), "x" * 101])
def test_words_that_are_refused(source: str) -> None:
    with pytest.raises(PatternError):
        words_pattern(source)


@pytest.mark.parametrize("source", ["a.*b", r"\w+@example", f"a{{{MAX_LONGEST + 1}}}"])
def test_what_would_hold_a_reply_back_is_for_input_alone(source: str) -> None:
    rule = Rule("1", "regex", source, "mask")
    check_rule(rule, while_written=False)
    with pytest.raises(PatternError, match="upper bound"):
        check_rule(rule, while_written=True)


def test_catastrophes_are_none() -> None:
    """Python's own engine would need longer than the universe has."""
    rules = check_rule(Rule("1", "regex", "(a+)+$", "block"), while_written=False)
    assert rules.find("a" * 50_000 + "!", 0) is None
