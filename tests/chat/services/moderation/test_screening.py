from __future__ import annotations

from typing import Any

import pytest

from chat.models import (
    Case,
    CaseSource,
    ChatMessage,
    ChatSession,
    ContentRule,
    Generation,
    MessageStatus,
    WorkerStatus,
)
from chat.selectors.moderation import case_history
from chat.services.errors import ContentBlocked, Forbidden
from chat.services.messages import add_message
from chat.services.moderation.screening import look_through
from chat.services.programs import ProgramRequest, start_program_turn
from chat.services.turns import edit_message, start_turn
from chat.services.workers import heartbeat
from inference.types.prompts import PromptMessage
from tests.support.factories import make_generation, make_session

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.services.telling.publish", lambda *_: None)
    monkeypatch.setattr("chat.services.replies.enqueue_generation", lambda *_: None)
    heartbeat(name="w1", status=WorkerStatus.READY, loaded_models=["paced"], slots=1)


def rule(action: str, pattern: str = "watches", **fields: Any) -> ContentRule:
    return ContentRule.objects.create(name=f"{action} {pattern}", pattern=pattern, action=action, **fields)


def say(session: ChatSession, content: str) -> ChatMessage:
    return start_turn(user=session.owner, session_id=session.id, content=content).message


class TestInput:
    def test_blocked(self, session: ChatSession) -> None:
        rule("block", message="No advertising here, please.")
        with pytest.raises(ContentBlocked, match="No advertising here") as refused:
            say(session, "Buy my watches")
        assert (refused.value.code, refused.value.field) == ("content_blocked", "content")
        assert not ChatMessage.objects.exists()
        assert say(session, "Buy my watch").content == "Buy my watch"

    def test_blocked_leaves_a_line_in_the_log_only(
        self, session: ChatSession, caplog: pytest.LogCaptureFixture
    ) -> None:
        blocking = rule("block")
        rule("flag")
        caplog.set_level("INFO", logger="chat.services.moderation.screening")
        with pytest.raises(ContentBlocked):
            say(session, "Buy my watches")
        assert not Case.objects.exists()
        assert [record.getMessage() for record in caplog.records] == [
            f"a text of user {session.owner_id} was blocked by rule {blocking.id}"
        ]

    def test_masked(self, session: ChatSession) -> None:
        rule("mask")
        message = say(session, "Buy WATCHES")
        message.refresh_from_db()
        session.refresh_from_db()
        assert (message.content, session.title) == ("Buy •••", "Buy •••")

    def test_flagged(self, session: ChatSession) -> None:
        rule("flag", severity=3)
        message = say(session, "Buy watches")
        case = Case.objects.get()
        assert (case.message, case.source, case.severity) == (message, CaseSource.RULE, 3)
        assert case.summary == "flag watches"
        assert "warnings" not in message.metadata

    def test_warned_of(self, session: ChatSession) -> None:
        rule("warn", message="Careful.")
        message = say(session, "Buy watches")
        message.refresh_from_db()
        assert message.metadata == {"warnings": ["Careful."]}
        assert not Case.objects.exists()

    def test_two_flags_make_one_case(self, session: ChatSession) -> None:
        rule("flag", severity=1)
        rule("flag", "cheap", severity=4)
        say(session, "cheap watches")
        case = Case.objects.get()
        assert (case.severity, case.priority, case.version) == (4, 4000, 2)
        told = [(event.kind, event.details["summary"]) for event in case_history(case)]
        assert told == [("opened", "flag cheap"), ("reported", "flag watches")]

    def test_other_ways_to_write(self, session: ChatSession) -> None:
        rule("block", "bomb")
        rule("mask")
        message = add_message(user=session.owner, session_id=session.id, content="watches")
        assert message.content == "•••"
        edited = edit_message(
            user=session.owner, session_id=session.id, message_id=message.id, content="my watches"
        )
        assert edited.content == "my •••"
        with pytest.raises(ContentBlocked):
            add_message(user=session.owner, session_id=session.id, content="bomb")
        with pytest.raises(ContentBlocked):
            edit_message(user=session.owner, session_id=session.id, message_id=message.id, content="bomb")

    def test_programs(self, session: ChatSession) -> None:
        rule("mask")
        rule("flag", "cheap")
        conversation = [
            PromptMessage("user", "cheap watches"),
            PromptMessage("assistant", "watches?"),
            PromptMessage("user", "cheap watches!"),
        ]
        request = ProgramRequest(conversations=[conversation], model="paced", options={})
        (generation,) = start_program_turn(user=session.owner, request=request)
        contents = generation.session.messages.exclude(content="").values_list("content", flat=True)
        assert sorted(contents) == ["cheap •••", "cheap •••!", "watches?"]
        assert Case.objects.get().evidence == "cheap •••!"

    def test_output_rules_leave_input_alone(self, session: ChatSession) -> None:
        rule("block", scope="output")
        assert say(session, "Buy watches").content == "Buy watches"


class TestReplies:
    def ended(self, content: str, **fields: Any) -> Generation:
        row = make_generation()
        ChatMessage.objects.filter(id=row.message_id).update(
            content=content, status=MessageStatus.COMPLETE, **fields
        )
        return row

    def test_flagged_and_warned_of(self) -> None:
        rule("flag")
        rule("warn", "cheap")
        row = self.ended("cheap watches")
        look_through(generation_id=row.id)
        case = Case.objects.get()
        assert (case.message, case.evidence) == (row.message, "cheap watches")
        assert len(ChatMessage.objects.get(id=row.message_id).metadata["warnings"]) == 1

    def test_stopped(self) -> None:
        blocking = rule("block", message="Not here.", severity=4)
        row = self.ended("Buy my ", metadata={"blocked_by": str(blocking.id), "turn": "x"})
        look_through(generation_id=row.id)
        assert (Case.objects.get().severity, Case.objects.get().message) == (4, row.message)
        metadata = ChatMessage.objects.get(id=row.message_id).metadata
        assert metadata == {"blocked_by": str(blocking.id), "turn": "x", "warnings": ["Not here."]}

    def test_nothing_to_say(self) -> None:
        rule("flag")
        look_through(generation_id=self.ended("Good day").id)
        assert not Case.objects.exists()


class TestBypass:
    def test_only_who_may(self, session: ChatSession) -> None:
        say_anything = {"content_filter": False}
        with pytest.raises(Forbidden) as refused:
            start_turn(user=session.owner, session_id=session.id, content="Hi", options=say_anything)
        assert refused.value.field == "options.content_filter"
        session.owner.is_superuser = True
        turn = start_turn(user=session.owner, session_id=session.id, content="Hi", options=say_anything)
        assert turn.generation.options["content_filter"] is False

    def test_nor_by_the_settings_of_a_session(self) -> None:
        session = make_session(settings={"content_filter": False})
        with pytest.raises(Forbidden):
            start_turn(user=session.owner, session_id=session.id, content="Hi")
