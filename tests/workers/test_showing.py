"""What readers see of a reply does not depend on how often its attempts were interrupted."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from chat.realtime.protocol.views import TokenLogprob
from inference.content import Rule, compile_rules, screen
from workers.showing import Showing

MASK = Rule("mask", "words", "bad\nbad idea", "mask", "•")
BLOCK = Rule("block", "regex", "secret[0-9]{1,3}x", "block")
RULES = (MASK, BLOCK)
WORDS = st.sampled_from(
    ["bad", "bad idea", "badge", "secret1", "secret12x", "se", "cret9x", "fine", " ", ", "]
)
TEXTS = st.lists(WORDS, max_size=12).map("".join)
CUTS = st.lists(st.integers(0, 100), min_size=1, max_size=8)


@given(TEXTS, st.lists(CUTS, min_size=1, max_size=4))
def test_attempts_that_say_everything_again(text: str, attempts: list[list[int]]) -> None:
    """Each attempt but the last is lost somewhere; its tokens were committed, and so was what it showed."""
    committed, reached = "", 0
    for cuts in attempts:
        showing = Showing(RULES, shown=committed, says_again=True)
        said = 0
        for cut in sorted(cut % (len(text) + 1) for cut in cuts):
            upto = max(cut, reached)
            committed += showing.take(text[said:upto], is_last=False)
            said = upto
            if showing.blocked_by is not None:
                break
        reached = said
        assert not showing.contradicts
    last = Showing(RULES, shown=committed, says_again=True)
    committed += last.take(text, is_last=True)
    expected = screen(text, compile_rules(RULES))
    assert (committed, last.blocked_by) == (expected.text, expected.blocked_by)


@given(TEXTS, TEXTS)
@example("sebad", "cret9x")
def test_an_engine_that_goes_on_from_the_text(first: str, second: str) -> None:
    """What the first one said last and was held back is lost, so that nothing blocked comes together."""
    shown = Showing(RULES).take(first, is_last=False)
    again = Showing(RULES, shown=shown)
    whole = shown + again.take(second, is_last=True)
    assert screen(whole, compile_rules((BLOCK,))).blocked_by is None


def test_rules_that_changed_contradict_what_was_shown() -> None:
    showing = Showing((MASK,), shown="so bad ", says_again=True)
    assert showing.take("so bad then", is_last=False) == ""
    assert showing.contradicts


def test_a_new_block_keeps_what_was_shown() -> None:
    showing = Showing((BLOCK,), shown="secret1x is", says_again=True)
    assert showing.take("secret1x is it", is_last=False) == ""
    assert not showing.contradicts
    assert showing.blocked_by == BLOCK


def test_without_rules_nothing_is_said_again_or_held() -> None:
    showing = Showing((Rule("flag", "words", "bad", "flag"),), shown="so", says_again=True)
    assert not showing.replays
    assert showing.take(" bad", is_last=False) == " bad"


def entry(token: str) -> TokenLogprob:
    return TokenLogprob(token=token, bytes=list(token.encode()), logprob=-1.0, top=[])


def test_logprobs_tell_nothing_that_is_not_shown() -> None:
    showing = Showing(RULES)

    def say(token: str) -> list[str]:
        showing.take(token, is_last=False)
        return [each.token for each in showing.take_logprobs([entry(token)])]

    assert say("A ") == ["A "]
    assert say("ba") == []
    assert say("dge ") == ["ba", "dge "]
    assert say("bad") == []
    assert say(", it ") == []
    assert say("is. ") == ["is. "]
    assert say("secret1") == []
    assert say("x") == []
