"""Regular expressions of JSON schemas, as far as the grammar's converter understands them."""

from __future__ import annotations

import re

MAX_QUANTIFIER = 40
MAX_LENGTH = 256

_CLASSES = {"d": "0-9", "w": "a-zA-Z0-9_", "s": " "}
_QUANTIFIER = re.compile(r"\{\s*(\d*)\s*(?:,\s*(\d*)\s*)?\}")


def translate_pattern(pattern: str) -> str:
    """The pattern with its escapes spelt out for the converter. Raises `ValueError` with the reason."""
    if len(pattern) > MAX_LENGTH:
        raise ValueError(f"it is longer than {MAX_LENGTH} characters")
    if not (pattern.startswith("^") and pattern.endswith("$")):
        raise ValueError("it must start with ^ and end with $")
    for found in _QUANTIFIER.finditer(pattern):
        if any(len(number) > 2 or int(number) > MAX_QUANTIFIER for number in found.groups("") if number):
            raise ValueError(f"a quantifier above {MAX_QUANTIFIER} is not supported")
    return f"^{_translate(pattern[1:-1])}$"


def _translate(body: str) -> str:
    parts: list[str] = []
    in_class, at = False, 0
    while at < len(body):
        character = body[at]
        if character == "\\":
            spelt = _escape(body[at + 1 : at + 2])
            parts.append(spelt if in_class else f"[{spelt}]")
            at += 2
            continue
        if not in_class and character in "{}]":  # left alone the converter would never get past a stray one
            quantifier = _QUANTIFIER.match(body, at)
            spelt = quantifier[0] if quantifier else f"[{_escape(character)}]"
            parts.append(spelt)
            at += len(quantifier[0]) if quantifier else 1
            continue
        if character in "^$" and not (in_class and character == "^" and parts[-1] == "["):
            raise ValueError(f"{character} is only supported at its ends")
        in_class = (in_class and character != "]") or character == "["
        parts.append(character)
        at += 1
    return "".join(parts)


def _escape(letter: str) -> str:
    if letter in _CLASSES and letter:
        return _CLASSES[letter]
    if not letter or letter.isalnum() or letter in '"\\' or not letter.isascii():
        raise ValueError(f"the escape \\{letter} is not supported")
    return f"\\x{ord(letter):02X}"
