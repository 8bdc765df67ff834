"""What readers get to see of a reply: its text, as far as content rules let it through."""

from __future__ import annotations

from chat.realtime.protocol.views import TokenLogprob
from inference.content import Rule, StreamFilter, compile_rules


class Showing:
    """Stands between what an engine says and what is committed.

    In a later attempt an engine that goes on from token ids says everything again (`says_again`), so that the
    rules see it from the beginning; of that, what earlier attempts have `shown` is left out. One that goes on
    from a text says only what is new, and the rules are shown the rest. Without a rule that acts nothing is
    said again.
    """

    def __init__(self, rules: tuple[Rule, ...], *, shown: str = "", says_again: bool = False) -> None:
        compiled = compile_rules(rules)
        self._filter = StreamFilter(compiled) if compiled.acts else None
        self.replays = says_again and self._filter is not None
        self._expected = shown
        self._before = "" if self.replays else shown
        self._logprobs: list[TokenLogprob] = []
        self._masked = 0
        self.contradicts = False

    @property
    def blocked_by(self) -> Rule | None:
        """The rule that has ended the reply."""
        return self._filter.blocked_by if self._filter is not None else None

    def take(self, text: str, *, is_last: bool) -> str:
        """What more text of the engine lets readers see.

        `contradicts` is set when that is not what was shown before: the rules have changed meanwhile.
        """
        if self._filter is None:
            return text
        # Where the engine goes on from the text, a match may begin in what was shown already.
        text, self._before = self._filter.push(self._before + text), ""
        if is_last:
            text += self._filter.finish()
        again = min(len(text), len(self._expected))
        if text[:again] != self._expected[:again]:
            self.contradicts = True
            return ""
        self._expected = self._expected[again:]
        return text[again:]

    def take_logprobs(self, views: list[TokenLogprob]) -> list[TokenLogprob]:
        """Those of tokens whose text is shown; none of tokens that were waiting beside what was masked."""
        if self._filter is None:
            return views
        self._logprobs += views
        if self._filter.holds:
            return []
        ready, self._logprobs = self._logprobs, []
        was_masked, self._masked = self._masked, self._filter.masked
        return ready if was_masked == self._masked and self.blocked_by is None else []
