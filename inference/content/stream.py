"""A filter for text that arrives in pieces: what it releases does not depend on where they are split.

The text is released up to where a match may have begun. A match counts once nothing that begins at the same
place or before it can grow any more, so that it is the one that the whole text would have. Masks and blocks
take the leftmost match; after a mask the search goes on behind it.
"""

from __future__ import annotations

from dataclasses import dataclass

from inference.content.rules import Rule, RuleSet

PIECE = 1000
"""Characters that are looked at together, so that many matches in a long text stay cheap."""


@dataclass(frozen=True)
class Screened:
    """A whole text after its masks, the rule that blocks it, if one does, and those that take notice."""

    text: str
    blocked_by: Rule | None
    notices: tuple[Rule, ...]


class StreamFilter:
    """Once `blocked_by` is set, nothing more is released. `masked` counts the masks."""

    def __init__(self, rules: RuleSet) -> None:
        self._rules = rules
        self._before = ""
        self._held = ""
        self.masked = 0
        self.blocked_by: Rule | None = None

    @property
    def holds(self) -> bool:
        """Whether there is text that may not be released yet."""
        return bool(self._held)

    def push(self, text: str) -> str:
        """The text that one more piece releases."""
        released: list[str] = []
        for at in range(0, len(text), PIECE):
            self._held += text[at : at + PIECE]
            released.append(self._release(is_last=False))
        return "".join(released)

    def finish(self) -> str:
        """The rest, at the end of the text."""
        return self._release(is_last=True)

    def _release(self, *, is_last: bool) -> str:
        if self.blocked_by is not None or not self._held:
            return ""
        text, at = self._before + self._held, len(self._before)
        released: list[str] = []
        while True:
            limit = len(text) if is_last else self._rules.open_from(text, at)
            hit = self._rules.find(text, at)
            if hit is None or hit.start >= limit:
                break
            released.append(text[at : hit.start])
            if hit.rule.action == "block":
                self.blocked_by, self._held = hit.rule, ""
                return "".join(released)
            released.append(hit.rule.replacement)
            self.masked += 1
            at = hit.end
        released.append(text[at:limit])
        self._before, self._held = text[:limit][-1:], text[limit:]
        return "".join(released)


def screen(text: str, rules: RuleSet) -> Screened:
    """Look through a whole text."""
    masking = StreamFilter(rules)
    released = masking.push(text) + masking.finish()
    return Screened(released, masking.blocked_by, tuple(rules.notices(text)))
