"""Why something failed, in the reader's language."""

from __future__ import annotations

from django.utils.translation import override

from chat.models import ChatMessage
from chat.models.failures import stored_reason
from chat.wording import in_words
from inference.types.errors import Reason

KILLED = Reason("A moderator stopped this reply: %(reason)s", {"reason": "100 % rude"})
NO_ROOM = Reason(
    "The model cannot be loaded: %(reason)s",
    {"reason": Reason("The engine of %(model)s stopped again and again.", {"model": "demo"})},
)


def test_values_go_into_the_sentence_of_the_readers_language() -> None:
    assert in_words(KILLED) == str(KILLED) == "A moderator stopped this reply: 100 % rude"
    with override("de"):
        assert in_words(KILLED) == "Ein Moderator hat diese Antwort angehalten: 100 % rude"


def test_a_sentence_within_a_sentence_is_said_in_it_too() -> None:
    assert str(NO_ROOM) == "The model cannot be loaded: The engine of demo stopped again and again."
    with override("de"):
        said = in_words(NO_ROOM)
    assert said == "Das Modell lässt sich nicht laden: Die Engine von demo ist immer wieder abgestürzt."


def test_a_sentence_without_values_needs_no_more_than_itself() -> None:
    with override("de"):
        assert in_words("Something went wrong here. Please try again.").startswith("Hier ist etwas")
        assert in_words("Nobody has translated this: 100 %.") == "Nobody has translated this: 100 %."
        assert in_words("") == ""


def test_rows_keep_what_other_languages_need_and_old_ones_stay_readable() -> None:
    row = ChatMessage(error_message=str(NO_ROOM), error_reason=stored_reason(NO_ROOM))
    old = ChatMessage(error_message=str(NO_ROOM))
    assert row.reason == NO_ROOM
    assert stored_reason(None) is None
    with override("de"):
        assert row.shown_error.startswith("Das Modell lässt sich nicht laden")
        assert old.shown_error == str(NO_ROOM)
