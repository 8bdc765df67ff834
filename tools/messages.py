"""`make messages`: take the sources' strings into the catalogues of `chat/locale`; says what is missing."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

from chatproject.translations import LOCALES, REFUSALS
from tools.console import ROOT, say
from tools.sentences import said

KEYWORDS = DEFAULT_KEYWORDS | {
    "gettext_lazy": None,
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
    "gettext_noop": None,
}
PYTHON = ("chat", "chatproject")
FRONT_END = ROOT / "chat" / "web" / "frontend" / "src"
IN_TYPESCRIPT = re.compile(r'\bgettext\(\s*("(?:[^"\\]|\\.)*")')
PLURAL_IN_TYPESCRIPT = re.compile(r'\bngettext\(\s*("(?:[^"\\]|\\.)*"),\s*("(?:[^"\\]|\\.)*")')

Message = str | tuple[str, ...]


def collect(domain: str) -> Catalog:
    """Every string of the pages (`django`), of the front end (`djangojs`), or of what services refuse."""
    catalogue = Catalog()
    sources = {"django": _from_server, "djangojs": _from_front_end, REFUSALS: _from_services}
    for message, context in sources[domain]():
        catalogue.add(message, context=context, flags=["python-format"] if "%(" in str(message) else [])
    return catalogue


def update(path: Path) -> list[str]:
    """Bring one .po file up to date; returns what it does not translate."""
    with path.open("rb") as text:
        catalogue = read_po(text, locale=path.parent.parent.name)
    catalogue.update(collect(path.stem), no_fuzzy_matching=True, update_creation_date=False)
    catalogue.obsolete.clear()
    written = io.BytesIO()
    write_po(written, catalogue, width=110, no_location=True, sort_output=True)
    path.write_bytes(written.getvalue())
    return untranslated(catalogue)


def untranslated(catalogue: Catalog) -> list[str]:
    """The strings without a translation, or with one that is only guessed."""
    return [
        str(message.id)
        for message in catalogue
        if message.id and (message.fuzzy or not _is_full(message.string))
    ]


def _is_full(translation: Sequence[str] | None) -> bool:
    return all(translation) if isinstance(translation, list | tuple) else bool(translation)


def _from_server() -> Iterator[tuple[Message, str | None]]:
    for top in PYTHON:
        for path in sorted((ROOT / top).rglob("*.py")):
            yield from _in_python(path.read_text())
    for path in sorted((ROOT / "chat" / "templates").rglob("*.html")):
        yield from _in_python(templatize(path.read_text(), origin=str(path)))


def _from_services() -> Iterator[tuple[Message, str | None]]:
    for sentence in said():
        yield sentence, None


def _in_python(source: str) -> Iterator[tuple[Message, str | None]]:
    for _, message, _, context in extract("python", io.BytesIO(source.encode()), keywords=KEYWORDS):
        yield message, context


def _from_front_end() -> Iterator[tuple[Message, str | None]]:
    for path in sorted(FRONT_END.rglob("*.ts")):
        source = path.read_text()
        for match in IN_TYPESCRIPT.finditer(source):
            yield _literal(match[1]), None
        for match in PLURAL_IN_TYPESCRIPT.finditer(source):
            yield (_literal(match[1]), _literal(match[2])), None


def _literal(quoted: str) -> str:
    return (
        quoted[1:-1].encode().decode("unicode_escape").encode("latin-1").decode()
        if "\\" in quoted
        else quoted[1:-1]
    )


def main() -> None:
    """All languages and domains."""
    for path in sorted(LOCALES.glob("*/LC_MESSAGES/*.po")):
        for message in update(path):
            say(f"{path.relative_to(LOCALES)}: not translated: {message}")


if __name__ == "__main__":
    main()
