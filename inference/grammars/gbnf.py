"""Reads a GBNF grammar before llama.cpp does: says what is wrong with it, and refuses what would hang.

llama.cpp looks for left recursion along every path of leading rules, exponentially many in a small grammar,
and does not see one that hides behind a rule which is empty by way of another; it would then grow its stacks
for ever. Syntax: https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from inference.types.errors import InferenceError, Reason

MAX_DEPTH = 100
MAX_REPETITION = 2000
MAX_PATHS = 20_000

_ESCAPE = r"""\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[trn\\"\[\]])"""
_LEXEME = re.compile(
    rf"""(?P<space>[ \t\r\n]+|\#[^\r\n]*) | (?P<define>::=) | (?P<name>[A-Za-z0-9-]+)
    | (?P<text>"(?:[^"\\]|{_ESCAPE})*") | (?P<set>\[(?:[^\]\\]|{_ESCAPE})*\]) | (?P<token>!?<[^<>\s]+>)
    | (?P<repeat>[*+?]|\{{[ ]*\d{{1,6}}[ ]*(?:,[ ]*\d{{0,6}}[ ]*)?\}}) | (?P<sign>[().|])""",
    re.VERBOSE | re.DOTALL,
)
_BOUNDS = {"*": (0, None), "+": (1, None), "?": (0, 1)}


@dataclass(slots=True)
class Item:
    """Something repeated: characters (`rule` empty; maybe none of them) or a rule."""

    rule: str
    line: int
    empty: bool = False
    least: int = 1
    most: int | None = 1


Rules = dict[str, list[list[Item]]]


def check_gbnf(text: str) -> None:
    """Raises `InferenceError` (`invalid_grammar`) with the line of what is wrong."""
    rules = _Parser(text).parse()
    if "root" not in rules:
        raise invalid_grammar("it has no rule named root")
    for item in (item for rule in rules.values() for sequence in rule for item in sequence):
        if item.rule and item.rule not in rules:
            raise invalid_grammar(f"line {item.line}: there is no rule named {item.rule}")
    _Paths(rules).count_all()


def invalid_grammar(reason: str) -> InferenceError:
    """The refusal of a grammar."""
    return InferenceError(
        "invalid_grammar", Reason("The grammar cannot be compiled: %(reason)s.", {"reason": reason})
    )


@dataclass(slots=True)
class _Parser:
    text: str
    rules: Rules = field(default_factory=dict)
    line: int = 1

    def parse(self) -> Rules:
        lexemes = list(self._lexemes())
        starts = [at for at in range(len(lexemes) - 1) if lexemes[at + 1][0] == "define"]
        if not starts or starts[0] != 0:
            raise invalid_grammar("line 1: expected name ::=")
        for start, end in zip(starts, [*starts[1:], len(lexemes)], strict=True):
            kind, name, line = lexemes[start]
            if kind != "name":
                raise invalid_grammar(f"line {line}: expected a rule's name before ::=")
            self._read_rule(name, lexemes[start + 2 : end])
        return self.rules

    def _lexemes(self) -> Iterator[tuple[str, str, int]]:
        at = 0
        while at < len(self.text):
            found = _LEXEME.match(self.text, at)
            if found is None:
                raise invalid_grammar(f"line {self.line}: unexpected {self.text[at]!r}")
            if found.lastgroup != "space":
                yield str(found.lastgroup), found[0], self.line
            self.line += found[0].count("\n")
            at = found.end()

    def _read_rule(self, name: str, lexemes: list[tuple[str, str, int]]) -> None:
        open_groups = [name]
        self.rules[name] = [[]]
        for kind, word, line in lexemes:
            rule = self.rules[open_groups[-1]]
            if word == "(" and kind == "sign":
                if len(open_groups) == MAX_DEPTH:
                    raise invalid_grammar(f"line {line}: groups are nested more than {MAX_DEPTH} deep")
                open_groups.append(f"{name}({len(self.rules)}")
                rule[-1].append(Item(open_groups[-1], line))
                self.rules[open_groups[-1]] = [[]]
            elif word == ")" and kind == "sign":
                if len(open_groups) == 1:
                    raise invalid_grammar(f"line {line}: unexpected )")
                open_groups.pop()
            elif word == "|" and kind == "sign":
                rule.append([])
            elif kind == "repeat":
                _repeat(rule[-1], word, line)
            else:
                nothing = kind in ("text", "set") and word in ('""', "[]", "[^]")
                rule[-1].append(Item(word if kind == "name" else "", line, empty=nothing))
        if not self.rules[name][-1]:
            raise invalid_grammar(f'rule {name} ends with nothing; write "" for the empty text')
        if len(open_groups) > 1:
            raise invalid_grammar(f"rule {name}: a group is not closed")


def _repeat(sequence: list[Item], word: str, line: int) -> None:
    if not sequence:
        raise invalid_grammar(f"line {line}: nothing to repeat before {word}")
    item = sequence[-1]
    if word in _BOUNDS:
        least, most = _BOUNDS[word]
    else:
        low, comma, high = word.strip("{} ").partition(",")
        least, most = int(low), int(high) if high.strip() else None if comma else int(low)
    if least > MAX_REPETITION:
        raise invalid_grammar(f"line {line}: more than {MAX_REPETITION} repetitions")
    item.least = item.least * least
    item.most = None if most is None or item.most is None else item.most * most


class _Paths:
    """Counts the paths along leading rules, as llama.cpp walks them; a way back is left recursion."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._may_be_empty = _empty_rules(rules)
        self._counts: dict[str, int] = {}
        self._open: set[str] = set()

    def count_all(self) -> None:
        for name in self._rules:
            self._count(name)

    def _count(self, name: str) -> int:
        if name in self._counts:
            return self._counts[name]
        shown = name.partition("(")[0]
        if name in self._open:
            raise invalid_grammar(f"rule {shown} is left-recursive: it can begin with itself")
        if len(self._open) > 2 * MAX_DEPTH:
            raise invalid_grammar(f"rule {shown} begins too deep in other rules")
        self._open.add(name)
        paths = 1 + sum(self._count_item(item) for item in self._leading(name))
        if paths > MAX_PATHS:
            raise invalid_grammar(f"rule {shown} can begin in too many ways")
        self._open.remove(name)
        self._counts[name] = paths
        return paths

    def _count_item(self, item: Item) -> int:
        if not item.rule:
            return 1
        if item.rule in self._may_be_empty:
            if item.most is None:
                shown = item.rule.partition("(")[0]
                raise invalid_grammar(f"line {item.line}: {shown} repeats something that may be empty")
            return self._count(item.rule) * max(1, item.most)
        return self._count(item.rule)

    def _leading(self, name: str) -> Iterator[Item]:
        for sequence in self._rules[name]:
            for item in sequence:
                yield item
                if not _is_empty(item, self._may_be_empty):
                    break


def _is_empty(item: Item, empty_rules: set[str]) -> bool:
    return item.empty or item.least == 0 or item.rule in empty_rules


def _empty_rules(rules: Rules) -> set[str]:
    """The rules that match the empty text, also by way of others."""
    users = defaultdict(set)
    for name, rule in rules.items():
        for item in (item for sequence in rule for item in sequence):
            users[item.rule].add(name)
    empty: set[str] = set()
    todo = list(rules)
    while todo:
        name = todo.pop()
        if name not in empty and any(all(_is_empty(i, empty) for i in way) for way in rules[name]):
            empty.add(name)
            todo += users[name]
    return empty
