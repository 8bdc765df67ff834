"""Rules, compiled together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import re2

from inference.content.patterns import Pattern, PatternError, regex_pattern, words_pattern

Action = Literal["flag", "warn", "mask", "block"]

MAX_MEMORY = 64 << 20
MAX_LONGEST = 200
"""Characters of text that may be held back while it is being written."""


@dataclass(frozen=True)
class Rule:
    """What is looked for, and what is done about it. `id` is the caller's own name for the rule."""

    id: str
    kind: Literal["words", "regex"]
    source: str
    action: Action
    replacement: str = "•••"


@dataclass(frozen=True)
class Hit:
    """Where a rule found something."""

    rule: Rule
    start: int
    end: int


class RuleSet:
    """Rules that mask or block (`acting`), and those that only take notice. Safe to share between threads."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        patterns = {rule: read_pattern(rule.kind, rule.source) for rule in rules}
        # At the same place a block goes before a mask.
        acting = sorted((rule for rule in rules if rule.action in ("mask", "block")), key=_strictness)
        self._acting = [(rule, _compile(patterns[rule].whole)) for rule in acting]
        self._noting = [
            (rule, _compile(patterns[rule].whole)) for rule in rules if rule.action in ("flag", "warn")
        ]
        self._any = _compile("|".join(patterns[rule].whole for rule in acting)) if acting else None
        begun = "|".join(patterns[rule].begun for rule in acting)
        self._begun = _compile(rf"(?:{begun})\z") if acting else None

    @property
    def acts(self) -> bool:
        """Whether any rule masks or blocks."""
        return bool(self._acting)

    def find(self, text: str, at: int) -> Hit | None:
        """The first place from `at` on where an acting rule finds something."""
        if self._any is None or self._any.search(text, max(at - 1, 0)) is None:
            return None
        hits = [hit for rule, pattern in self._acting if (hit := _search(rule, pattern, text, at))]
        return min(hits, key=lambda hit: hit.start, default=None)

    def open_from(self, text: str, at: int) -> int:
        """Where, from `at` on, something may have begun that more text could make a match."""
        begun = self._begun.search(text, at) if self._begun is not None else None
        return int(begun.start()) if begun is not None else len(text)

    def notices(self, text: str) -> list[Rule]:
        """The rules that only take notice, of those that find something."""
        return [rule for rule, pattern in self._noting if _search(rule, pattern, text, 0)]


@lru_cache(maxsize=64)
def compile_rules(rules: tuple[Rule, ...]) -> RuleSet:
    """The same rules are compiled once. Raises `PatternError`."""
    return RuleSet(rules)


def read_pattern(kind: str, source: str) -> Pattern:
    """Raises `PatternError`."""
    return words_pattern(source) if kind == "words" else regex_pattern(source)


def check_rule(rule: Rule, *, while_written: bool) -> RuleSet:
    """The rule alone, compiled. Raises `PatternError`, also where too much had to be held back of a text
    `while_written`.
    """
    longest = read_pattern(rule.kind, rule.source).longest
    if while_written and (longest is None or longest > MAX_LONGEST):
        raise PatternError(
            f"The pattern can match more than {MAX_LONGEST} characters, so a reply could not be shown while "
            "it is being written: give repetitions an upper bound, as in {1,20}, or look at input alone."
        )
    return RuleSet((rule,))


def _strictness(rule: Rule) -> bool:
    return rule.action != "block"


def _compile(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_MEMORY
    try:
        return re2.compile(pattern, options=options)
    except re2.error as error:
        raise PatternError(f"The pattern cannot be used: {_reason(error)}.") from error


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    return (reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason))[:200]


def _search(rule: Rule, pattern: Any, text: str, at: int) -> Hit | None:
    # The character before `at` may be the boundary of a word, but no part of what is found.
    found = pattern.search(text, max(at - 1, 0))
    if found is not None and found.start(found.lastindex) < at:
        found = pattern.search(text, at)
    return Hit(rule, *found.span(found.lastindex)) if found is not None else None
