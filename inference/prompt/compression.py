"""Shortening a text to a number of tokens by leaving out its middle: deterministic, and true to the token."""

from __future__ import annotations

import re
from collections.abc import Callable

CountTokens = Callable[[str], int]

MARK = " […] "
_ENDS = r".!?\n\u3002\uff01\uff1f"
_SENTENCE = re.compile(rf"[^{_ENDS}]*(?:[{_ENDS}]+\s*|$)")


def compress(text: str, budget: int, count: CountTokens) -> str:
    """At most `budget` tokens of a text; the text itself when it fits, nothing when not even a word does.

    Whole sentences are taken in turn from the beginning and the end, and joined by a mark. Where no two
    sentences fit, the text is cut: its first characters and the mark.
    """
    if count(text) <= budget:
        return text
    head, tail = _choose_sentences(text, budget - count(MARK), count)
    while head and tail:
        shortened = f"{''.join(head).rstrip()}{MARK}{''.join(tail).lstrip()}"
        if count(shortened) <= budget:  # a text can have more tokens than its parts
            return shortened
        tail.pop(0)
    return _cut(text, budget, count)


def _choose_sentences(text: str, budget: int, count: CountTokens) -> tuple[list[str], list[str]]:
    sentences = [sentence for sentence in _SENTENCE.findall(text) if sentence]
    head: list[str] = []
    tail: list[str] = []
    while sentences:
        from_head = len(head) <= len(tail)
        sentence = sentences.pop(0 if from_head else -1)
        budget -= count(sentence)
        if budget < 0:
            break
        if from_head:
            head.append(sentence)
        else:
            tail.insert(0, sentence)
    return head, tail


def _cut(text: str, budget: int, count: CountTokens) -> str:
    best, low, high = "", 1, len(text)
    while low <= high:
        middle = (low + high) // 2
        shortened = f"{text[:middle].rstrip()}{MARK.rstrip()}"
        if count(shortened) <= budget:
            best, low = shortened, middle + 1
        else:
            high = middle - 1
    return best
