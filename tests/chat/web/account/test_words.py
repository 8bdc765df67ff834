"""allauth's sentences, on pages and in e-mails, in Parley's German."""

from __future__ import annotations

import re
from pathlib import Path

import allauth
import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from django.utils.translation import gettext, override

from chat.web.account.words import SENTENCES

CATALOGUE = Path(allauth.__file__).parent / "locale" / "de" / "LC_MESSAGES" / "django.po"
FAMILIAR = re.compile(
    r"\b(du|dein\w*|dir|dich|gib|wähle|versuche|bestätige|melde|lass|folge|kontaktiere)\b", re.IGNORECASE
)
NOT_USED = ("idp/", "templates/idp/")
"""Parley is no login for other sites."""


def catalogue() -> Catalog:
    with CATALOGUE.open("rb") as text:
        return read_po(text, locale="de")


def test_they_are_allauths() -> None:
    assert set(SENTENCES) <= {message.id for message in catalogue()}


def test_none_of_allauths_pages_and_letters_is_familiar_any_more() -> None:
    shown = [
        message.id
        for message in catalogue()
        if isinstance(message.id, str)
        and not all(place.startswith(NOT_USED) for place, _ in message.locations)
    ]
    with override("de"):
        assert [sentence for sentence in shown if sentence and FAMILIAR.search(gettext(sentence))] == []


@pytest.mark.parametrize("sentence", SENTENCES)
def test_they_address_people_as_the_rest_does(sentence: str) -> None:
    with override("de"):
        said = gettext(sentence)
    assert said != sentence
    assert not FAMILIAR.search(said)
