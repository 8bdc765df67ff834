"""The languages of the pages. `python -m chatproject.translations` compiles them, without gettext."""

from __future__ import annotations

import gettext
import os
from pathlib import Path

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.utils.translation import get_language, to_locale

LOCALES = Path(__file__).resolve().parent.parent / "chat" / "locale"
REFUSALS = "refusals"
"""What services refuse and why replies fail."""


def languages() -> list[tuple[str, str]]:
    """Codes and own names: English, and every directory of `chat/locale`."""
    codes = sorted(path.name for path in LOCALES.iterdir() if path.is_dir())
    return [("en", "English"), *((code, _own_name(code)) for code in codes)]


def refusal(sentence: str) -> str:
    """In the active language."""
    locale = to_locale(get_language() or "en")
    return gettext.translation(REFUSALS, LOCALES, [locale], fallback=True).gettext(sentence)


def compile_all() -> None:
    """Write the .mo files that are older than their .po files."""
    for source in LOCALES.glob("*/LC_MESSAGES/*.po"):
        target = source.with_suffix(".mo")
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            _compile(source, target)


def _compile(source: Path, target: Path) -> None:
    with source.open("rb") as text:
        catalogue = read_po(text, locale=source.parent.parent.name, abort_invalid=True)
    # Renamed into place, so that nobody reads half of one, also where several do it at once.
    unfinished = target.with_suffix(f".mo.{os.getpid()}")
    with unfinished.open("wb") as binary:
        write_mo(binary, catalogue)
    unfinished.replace(target)


def _own_name(code: str) -> str:
    locale = Locale.parse(code, sep="_")
    return (locale.get_display_name() or code).capitalize()


if __name__ == "__main__":
    compile_all()
