"""The catalogues: what is found in the sources, and that nothing in them is left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from django.utils.translation import override

from chat.services.errors import NotFound, TooManyRequests
from chatproject.translations import LOCALES, REFUSALS, languages, refusal
from tools import messages
from tools.sentences import put_together

FILES = sorted(LOCALES.glob("*/LC_MESSAGES/*.po"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_everything_in_a_catalogue_is_translated(path: Path) -> None:
    with path.open("rb") as text:
        catalogue = read_po(text, abort_invalid=True)
    assert messages.untranslated(catalogue) == []
    assert [error for message in catalogue if message.id for error in message.check(catalogue)] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_a_catalogue_holds_every_string_of_the_sources(path: Path) -> None:
    with path.open("rb") as text:
        catalogue = read_po(text, abort_invalid=True)
    found = [message for message in messages.collect(path.stem) if message.id]
    assert [message.id for message in found if catalogue.get(message.id, message.context) is None] == []


def test_nothing_that_is_refused_or_fails_is_put_together_where_it_is_said() -> None:
    assert put_together() == []


def test_a_sentence_is_found_where_a_name_holds_it_or_a_function_passes_it_on() -> None:
    refusals = messages.collect(REFUSALS)
    assert "This line is not a valid JSON object." in refusals  # a constant of the module
    assert "request_id was already used in another session: choose another one." in refusals  # of another
    assert "There is no text in this file." in refusals  # given to a function that refuses with it


def test_strings_are_found_in_templates_python_and_typescript() -> None:
    server, browser = messages.collect("django"), messages.collect("djangojs")
    assert "Log in to Parley" in server
    assert "Options for %(title)s" in server
    assert "How should the model behave?" in server
    assert "Waiting: place %(place)s" in browser


def test_languages_have_their_own_names() -> None:
    assert ("de", "Deutsch") in languages()


def test_a_refusal_is_said_in_the_readers_language() -> None:
    error = NotFound("There is no such message.")
    assert error.message == str(error) == "There is no such message."
    with override("de"):
        assert error.message == "Diese Nachricht gibt es nicht."
        assert refusal("Nobody has translated this.") == "Nobody has translated this."
    assert "There is no such message." in messages.collect(REFUSALS)


def test_a_refusal_with_values_is_too() -> None:
    error = TooManyRequests(
        "Too many requests: try again in %(seconds)s s.", retry_after=3, values={"seconds": 3}
    )
    assert error.message == str(error) == "Too many requests: try again in 3 s."
    with override("de"):
        assert error.message == "Zu viele Anfragen: Versuchen Sie es in 3 s noch einmal."
    assert NotFound("At 100 %.").message == "At 100 %."
