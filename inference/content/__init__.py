"""Looking through text for words and patterns, in linear time, also while it is being written."""

from inference.content.patterns import Pattern, PatternError, regex_pattern, words_pattern
from inference.content.rules import Rule, RuleSet, compile_rules
from inference.content.stream import Screened, StreamFilter, screen

__all__ = [
    "Pattern",
    "PatternError",
    "Rule",
    "RuleSet",
    "Screened",
    "StreamFilter",
    "compile_rules",
    "regex_pattern",
    "screen",
    "words_pattern",
]
