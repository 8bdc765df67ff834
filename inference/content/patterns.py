"""Patterns for RE2: what they match, and every beginning of what they match.

A text may be shown up to where a match may have begun. Python's own parser reads a pattern, and two are
written from its tree: the pattern itself, and one that matches the beginnings of its matches. The latter is
what is left of the pattern when the text may end anywhere: after `x` and before the `rest`,
`begun(x rest) = begun(x) | x begun(rest)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

MAX_PATTERN_CHARS = 500
MAX_PHRASES = 500
MAX_PHRASE_CHARS = 100

WORD = r"\pL\pM\pN_"
CLASSES = {
    "CATEGORY_DIGIT": r"\p{Nd}",
    "CATEGORY_SPACE": r"\s\pZ",
    "CATEGORY_WORD": WORD,
}
POSITIONS = {
    "AT_BEGINNING": "^",
    "AT_BEGINNING_STRING": r"\A",
    "AT_BOUNDARY": r"\b",
    "AT_NON_BOUNDARY": r"\B",
    "AT_END": "$",
    "AT_END_STRING": r"\z",
}
FLAGS = {re.IGNORECASE: "i", re.MULTILINE: "m", re.DOTALL: "s"}
BEFORE, AFTER = rf"(?:\A|[^{WORD}])", rf"(?:[^{WORD}]|\z)"

Tree = Sequence[tuple[Any, Any]]


class PatternError(ValueError):
    """A sentence for whoever wrote the pattern."""


@dataclass(frozen=True)
class Pattern:
    """RE2's spelling of what is looked for (its group is what counts), and of the beginnings of that.

    `longest` is the number of characters of the longest match, None where there is no bound.
    """

    whole: str
    begun: str
    longest: int | None


def regex_pattern(source: str) -> Pattern:
    """A regular expression without look-around, back references and the like. Case does not matter.

    Raises `PatternError`.
    """
    if len(source) > MAX_PATTERN_CHARS:
        raise PatternError(f"The pattern has more than {MAX_PATTERN_CHARS} characters.")
    tree = _parse(source)
    shortest, longest = tree.getwidth()
    if shortest == 0:
        raise PatternError("The pattern also matches nothing at all: let it match at least one character.")
    flags = "".join(name for flag, name in FLAGS.items() if tree.state.flags & flag | re.IGNORECASE & flag)
    return Pattern(
        whole=f"(?{flags}:({_whole(tree)}))",
        begun=f"(?{flags}:{_begun(tree)})",
        longest=longest if longest < _constants.MAXREPEAT // 2 else None,
    )


def words_pattern(source: str) -> Pattern:
    """Words or phrases, one a line, found where they stand alone, whatever their case and spaces.

    Raises `PatternError`.
    """
    phrases = list(dict.fromkeys(" ".join(line.split()) for line in source.splitlines() if line.strip()))
    if not 1 <= len(phrases) <= MAX_PHRASES:
        raise PatternError(f"Give 1 to {MAX_PHRASES} words or phrases, one a line.")
    if max(map(len, phrases)) > MAX_PHRASE_CHARS:
        raise PatternError(f"A word or phrase has at most {MAX_PHRASE_CHARS} characters.")
    # A boundary is only where a word could go on: not beside the # of a tag.
    by_edges: dict[tuple[bool, bool], list[str]] = {}
    for phrase in phrases:
        by_edges.setdefault((_is_word(phrase[0]), _is_word(phrase[-1])), []).append(phrase)
    whole = [
        f"{BEFORE if before else ''}({_whole(_phrases(some))}){AFTER if after else ''}"
        for (before, after), some in sorted(by_edges.items())
    ]
    everything = _phrases(phrases)
    return Pattern(f"(?i:{'|'.join(whole)})", f"(?i:{_begun(everything)})", everything.getwidth()[1])


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _phrases(phrases: Iterable[str]) -> Any:
    spelt = [r"\s{1,8}".join(map(re.escape, phrase.split())) for phrase in phrases]
    return _parse("|".join(spelt))


def _parse(source: str) -> Any:
    try:
        return _parser.parse(source)
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternError(f"The pattern cannot be read: {error}.") from error


def _whole(tree: Tree) -> str:
    """RE2's spelling of a tree."""
    return "".join(_one(op, given) for op, given in tree)


def _begun(tree: Tree) -> str:
    """The beginnings of what a tree matches, the empty one too."""
    begun = ""
    for op, given in reversed(list(tree)):
        parts = [f"{_one(op, given)}{begun}", *_begun_inside(op, given)]
        begun = f"(?:{'|'.join(parts)})?"
    return begun


def _begun_inside(op: Any, given: Any) -> list[str]:
    """Beginnings of one element's match that end within it."""
    match str(op):
        case "BRANCH":
            return [_begun(branch) for branch in given[1]]
        case "SUBPATTERN":
            _, added, removed, tree = given
            return [f"(?{_flags(added, removed)}:{_begun(tree)})"]
        case "MAX_REPEAT" | "MIN_REPEAT":
            _, most, tree = given
            if most == 0:
                return []
            times = "*" if most is _constants.MAXREPEAT else f"{{0,{most - 1}}}"
            return [f"(?:{_whole(tree)}){times}{_begun(tree)}"]
        case _:
            return []


def _one(op: Any, given: Any) -> str:
    match str(op):
        case "LITERAL":
            return _literal(given)
        case "NOT_LITERAL":
            return f"[^{_literal(given)}]"
        case "ANY":
            return "."
        case "IN":
            return _class(given)
        case "BRANCH":
            return f"(?:{'|'.join(map(_whole, given[1]))})"
        case "SUBPATTERN":
            _, added, removed, tree = given
            return f"(?{_flags(added, removed)}:{_whole(tree)})"
        case "MAX_REPEAT" | "MIN_REPEAT" as kind:
            least, most, tree = given
            upper = "" if most is _constants.MAXREPEAT else most
            return f"(?:{_whole(tree)}){{{least},{upper}}}{'?' if kind == 'MIN_REPEAT' else ''}"
        case "AT" if str(given) in POSITIONS:
            return POSITIONS[str(given)]
        case other:
            raise PatternError(f"The pattern uses what cannot be searched in linear time ({other.lower()}).")


def _flags(added: int, removed: int) -> str:
    on = "".join(name for flag, name in FLAGS.items() if added & flag)
    off = "".join(name for flag, name in FLAGS.items() if removed & flag)
    return f"{on}-{off}" if off else on


def _class(items: Sequence[tuple[Any, Any]]) -> str:
    negated = str(items[0][0]) == "NEGATE"
    inside, outside = list[str](), list[str]()
    for op, given in items[1:] if negated else items:
        match str(op):
            case "LITERAL":
                inside.append(_literal(given))
            case "RANGE":
                inside.append(f"{_literal(given[0])}-{_literal(given[1])}")
            case "CATEGORY" if str(given) in CLASSES:
                inside.append(CLASSES[str(given)])
            case _:  # what is not a digit, a space, or part of a word
                outside.append(CLASSES[str(given).replace("_NOT", "")])
    if not outside:
        return f"[{'^' if negated else ''}{''.join(inside)}]"
    if negated:
        raise PatternError(r"The pattern has \D, \S or \W in a class that begins with ^: say it another way.")
    parts = [f"[{''.join(inside)}]"] if inside else []
    return f"(?:{'|'.join([*parts, *(f'[^{each}]' for each in outside)])})"


def _literal(code: int) -> str:
    return f"\\x{{{code:x}}}" if code < 128 and not chr(code).isalnum() else chr(code)
