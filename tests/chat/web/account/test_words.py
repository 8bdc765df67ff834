"""allauth's sentences in Parley's German."""

from __future__ import annotations

import re
from pathlib import Path

import allauth
import pytest
from babel.messages.pofile import read_po
from django.utils.translation import gettext, override

from chat.web.account.words import SENTENCES

CATALOGUE = Path(allauth.__file__).parent / "locale" / "de" / "LC_MESSAGES" / "django.po"
FAMILIAR = re.compile(r"\b(du|dein\w*|dir|dich)\b", re.IGNORECASE)


def test_they_are_allauths() -> None:
    with CATALOGUE.open("rb") as text:
        theirs = {message.id for message in read_po(text, locale="de")}
    assert set(SENTENCES) <= theirs


@pytest.mark.parametrize("sentence", SENTENCES)
def test_they_address_people_as_the_rest_does(sentence: str) -> None:
    with override("de"):
        said = gettext(sentence)
    assert said != sentence
    assert not FAMILIAR.search(said)
