from __future__ import annotations

import threading
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection

from chat.models import (
    ChatMessage,
    ChatSession,
    ContentRule,
    Generation,
    GenerationStatus,
    LanguageModel,
    MessageStatus,
    Panel,
    Participant,
    ParticipantRole,
    Role,
    RuleAction,
    Visitor,
    WorkerStatus,
)
from chat.realtime.protocol.doorbells import Doorbell
from chat.realtime.protocol.events import GenerationQueued, MessageUpdate
from chat.services import replies, telling, turns
from chat.services.errors import (
    Conflict,
    ContentBlocked,
    Forbidden,
    InvalidContent,
    InvalidOptions,
    InvalidRequest,
    NotFound,
    ReplyInProgress,
    ServiceError,
    TooManyRequests,
    UnknownModel,
)
from chat.services.generations import request_cancel
from chat.services.turns import Turn, edit_message, regenerate_reply, start_turn
from chat.services.workers import heartbeat
from tests.support.factories import make_generation, make_message, make_session, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def session() -> ChatSession:
    heartbeat(name="w1", status=WorkerStatus.READY, loaded_models=["paced"], slots=1)
    return make_session()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is published and enqueued, in order."""
    happened: list[Any] = []
    monkeypatch.setattr(telling, "publish", lambda group, doorbell: happened.append((group, doorbell)))
    monkeypatch.setattr(replies, "enqueue_generation", lambda id_, *_: happened.append(id_))
    return happened


def send(session: ChatSession, content: str = "Hello", **fields: Any) -> Turn:
    return start_turn(user=session.owner, session_id=session.id, content=content, **fields)


def settle(turn: Turn) -> None:
    request_cancel(generation_id=turn.generation.id)


class TestStartTurn:
    def test_it_writes_a_message_a_reply_and_a_generation(self, session: ChatSession) -> None:
        session.settings = {"top_k": 7}
        session.system_prompt = "Be kind."
        session.save()
        turn = send(session, "Hello  you\nthere", options={"temperature": 0})
        assert turn.created
        assert (turn.message.role, turn.message.author) == (Role.USER, session.owner)
        assert (turn.reply.role, turn.reply.status) == (Role.ASSISTANT, MessageStatus.STREAMING)
        assert (turn.reply.parent, turn.reply.content) == (turn.message, "")
        assert (turn.reply.llm_model, turn.reply.llm_provider) == ("paced", "LOCAL")
        generation = Generation.objects.get()
        assert (generation.message, generation.user, generation.model) == (turn.reply, session.owner, "paced")
        chosen = {name: generation.options[name] for name in ("temperature", "top_k", "system_prompt")}
        assert chosen == {"temperature": 0, "top_k": 7, "system_prompt": "Be kind."}
        assert isinstance(generation.options["seed"], int)
        before = session.updated_at
        session.refresh_from_db()
        assert (session.title, session.message_count) == ("Hello you there", 2)
        assert session.updated_at > before

    def test_a_policy_that_counts_tokens_is_refused_for_a_remote_model(self, session: ChatSession) -> None:
        LanguageModel.objects.create(slug="paced", name="far", is_remote=True, size_bytes=0, context_length=1)
        with pytest.raises(InvalidOptions) as refused:
            send(session, options={"context_policy": "compress"})
        assert refused.value.field == "options.context_policy"
        assert send(session, options={"context_policy": "last_turns"}).created

    def test_a_title_is_cut_and_not_replaced(self, session: ChatSession) -> None:
        turn = send(session, "x" * 100)
        settle(turn)
        send(session, "Another")
        session.refresh_from_db()
        assert session.title == "x" * 60

    def test_messages_follow_the_latest_or_the_given_parent(self, session: ChatSession) -> None:
        first = send(session)
        settle(first)
        assert first.message.parent is None
        second = send(session)
        settle(second)
        assert second.message.parent == first.reply
        third = send(session, parent_id=first.reply.id)
        assert third.message.parent == first.reply

    def test_after_the_commit_the_session_is_told_and_a_hint_is_sent(
        self, session: ChatSession, told: list[Any], django_capture_on_commit_callbacks: Any
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            turn = send(session)
            assert told == []
        hint, (group, doorbell) = told
        assert group == f"session.{session.id}"
        assert turn.queued is not None
        assert doorbell == Doorbell(events=[*turn.updates, turn.queued])
        actions = [event.action for event in doorbell.events if isinstance(event, MessageUpdate)]
        assert actions == ["new_message", "new_message"]
        assert isinstance(turn.queued, GenerationQueued)
        assert (turn.queued.position, turn.queued.eta_seconds) == (1, 0.0)
        assert hint == turn.generation.id

    @pytest.mark.parametrize(
        ("fields", "error", "field"),
        [
            ({"content": ""}, InvalidContent, "content"),
            ({"content": "\0"}, InvalidContent, "content"),
            ({"content": "x" * 60_001}, InvalidContent, "content"),
            ({"request_id": "\0"}, InvalidRequest, "request_id"),
            ({"options": {"top_k": -1}}, InvalidOptions, "options.top_k"),
            ({"parent_id": uuid4()}, NotFound, "parent_id"),
        ],
    )
    def test_refusals_write_nothing(
        self, session: ChatSession, fields: dict[str, Any], error: type[ServiceError], field: str
    ) -> None:
        with pytest.raises(error) as caught:
            send(session, **fields)
        assert caught.value.field == field
        assert not ChatMessage.objects.exists()

    def test_a_parent_of_another_session_is_not_found(self, session: ChatSession) -> None:
        other = make_message(make_session())
        with pytest.raises(NotFound):
            send(session, parent_id=other.id)

    def test_who_may_send(self, session: ChatSession) -> None:
        user = make_user()
        with pytest.raises(NotFound):
            start_turn(user=user, session_id=session.id, content="x")
        with pytest.raises(NotFound):
            start_turn(user=user, session_id=uuid4(), content="x")
        part = Participant.objects.create(session=session, user=user, role=ParticipantRole.VIEWER)
        with pytest.raises(Forbidden, match="viewer"):
            start_turn(user=user, session_id=session.id, content="x")
        part.role = ParticipantRole.MEMBER
        part.save()
        assert start_turn(user=user, session_id=session.id, content="x").message.author == user

    def test_not_under_an_unfinished_reply(self, session: ChatSession) -> None:
        turn = send(session)
        for parent_id in (None, turn.reply.id):
            with pytest.raises(ReplyInProgress):
                send(session, parent_id=parent_id)
        ChatMessage.objects.filter(id=turn.reply.id).update(status=MessageStatus.COMPLETE)
        with pytest.raises(ReplyInProgress):
            send(session)
        settle(turn)
        assert send(session).created

    def test_the_limit_of_waiting_replies(self, session: ChatSession, settings: Any) -> None:
        settings.MAX_QUEUED_PER_USER = 2
        make_generation(make_session(session.owner))
        make_generation(make_session(session.owner), status=GenerationStatus.QUEUED)
        with pytest.raises(TooManyRequests, match="try again in 5 s") as caught:
            send(session)
        assert caught.value.retry_after == 5
        make_generation(make_session(make_user()))
        settings.MAX_QUEUED_PER_USER = 3
        assert send(session).created


class TestModels:
    def test_without_any_model(self) -> None:
        with pytest.raises(UnknownModel, match="model add") as caught:
            send(make_session())
        assert caught.value.field == "llm_model"

    def test_unknown_and_inactive_ones(self, session: ChatSession) -> None:
        model = make_model("tiny", is_active=False)
        for slug in ("gone", "tiny"):
            ChatSession.objects.update(llm_model=slug)
            with pytest.raises(UnknownModel, match=slug):
                send(session)
        model.is_active = True
        model.save()
        assert send(session).generation.model == "tiny"

    def test_the_default_goes_before_what_is_loaded(self, session: ChatSession) -> None:
        make_model("a")
        make_model("b", is_default=True)
        assert send(session).generation.model == "b"


def make_model(slug: str, **fields: Any) -> LanguageModel:
    return LanguageModel.objects.create(
        slug=slug, name=slug, source="s", path="p", digest="d", size_bytes=1, context_length=1, **fields
    )


class TestRetries:
    def test_the_same_request_is_the_same_turn(self, session: ChatSession) -> None:
        first = send(session, request_id="r")
        again = send(session, "other words", request_id="r")
        assert not again.created
        assert (again.message, again.reply, again.generation) == (
            first.message,
            first.reply,
            first.generation,
        )
        assert (again.updates, again.queued) == ((), None)
        settle(first)
        assert not send(session, request_id="r").created
        assert ChatMessage.objects.count() == 2

    def test_requests_are_each_user_s_own(self, session: ChatSession) -> None:
        other = make_user()
        Participant.objects.create(session=session, user=other)
        settle(send(session, request_id="r"))
        assert start_turn(user=other, session_id=session.id, content="x", request_id="r").created

    def test_not_across_sessions(self, session: ChatSession) -> None:
        send(session, request_id="r")
        with pytest.raises(Conflict, match="another session"):
            send(make_session(session.owner), request_id="r")

    def test_not_for_a_message_without_a_reply(self, session: ChatSession) -> None:
        make_message(session, request_id="r")
        with pytest.raises(Conflict, match="something else"):
            send(session, request_id="r")

    def test_a_regeneration_can_be_retried(self, session: ChatSession) -> None:
        turn = send(session)
        ask: dict[str, Any] = {"user": session.owner, "session_id": session.id, "message_id": turn.reply.id}
        first = regenerate_reply(**ask, request_id="r")
        again = regenerate_reply(**ask, request_id="r")
        assert first.created
        assert not again.created
        assert (again.message, again.reply, again.generation) == (turn.message, first.reply, first.generation)

    def test_not_for_another_kind_of_request(self, session: ChatSession) -> None:
        turn = send(session, request_id="sent")
        ask: dict[str, Any] = {"user": session.owner, "session_id": session.id, "message_id": turn.reply.id}
        settle(regenerate_reply(**ask, request_id="regenerated"))
        settle(turn)
        with pytest.raises(Conflict) as refused:
            regenerate_reply(**ask, request_id="sent")
        assert (refused.value.code, refused.value.field) == ("request_id_reused", "request_id")
        with pytest.raises(Conflict):
            send(session, request_id="regenerated")
        assert ChatMessage.objects.count() == 3

    def test_a_lost_race_finds_the_winner(
        self, session: ChatSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        winner = send(session, request_id="r")
        settle(winner)
        real, looks = turns._find_turn, iter([None])
        monkeypatch.setattr(turns, "_find_turn", lambda *a: next(looks, True) and real(*a))
        again = send(session, request_id="r")
        assert not again.created
        assert again.message == winner.message

    def test_another_conflict_is_not_hidden(
        self, session: ChatSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(**fields: Any) -> None:
            raise IntegrityError("something else")

        monkeypatch.setattr(turns, "queue_reply", broken)
        with pytest.raises(IntegrityError):
            send(session)


@pytest.mark.django_db(transaction=True)
def test_the_same_request_twice_at_once(told: list[Any]) -> None:
    heartbeat(name="w1", status=WorkerStatus.READY, loaded_models=["paced"], slots=1)
    session, made, barrier = make_session(), list[Turn](), threading.Barrier(4)

    def run() -> None:
        barrier.wait()
        try:
            made.append(send(session, request_id="r"))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [turn.created for turn in made].count(True) == 1
    assert len({turn.generation.id for turn in made}) == 1
    assert len(made) == 4


class TestRegenerate:
    def test_a_sibling_of_a_reply_or_for_a_message(self, session: ChatSession) -> None:
        turn = send(session)
        for message in (turn.reply, turn.message):
            again = regenerate_reply(
                user=session.owner, session_id=session.id, message_id=message.id, options={"seed": 5}
            )
            assert again.message == turn.message
            assert again.reply.parent == turn.message
            assert [update.message.id for update in again.updates] == [str(again.reply.id)]
            assert again.generation.options["seed"] == 5
        session.refresh_from_db()
        assert session.message_count == 4

    def test_what_has_no_question_is_not_found(self, session: ChatSession) -> None:
        orphan = make_message(session, role=Role.ASSISTANT)
        system = make_message(session, role=Role.SYSTEM)
        elsewhere = make_message(make_session())
        for message_id in (orphan.id, system.id, elsewhere.id, uuid4()):
            with pytest.raises(NotFound):
                regenerate_reply(user=session.owner, session_id=session.id, message_id=message_id)


class TestEdit:
    def test_the_author_changes_the_text_in_place(
        self, session: ChatSession, told: list[Any], django_capture_on_commit_callbacks: Any
    ) -> None:
        message = make_message(session, "Helo")
        with django_capture_on_commit_callbacks(execute=True):
            edited = edit_message(
                user=session.owner, session_id=session.id, message_id=message.id, content="Hello"
            )
        message.refresh_from_db()
        assert (edited.content, message.content) == ("Hello", "Hello")
        [(_, doorbell)] = told
        assert (doorbell.events[0].action, doorbell.events[0].message.content) == ("updated", "Hello")

    def test_only_own_messages(self, session: ChatSession) -> None:
        other = make_user()
        Participant.objects.create(session=session, user=other)
        message = make_message(session)
        reply = make_message(session, role=Role.ASSISTANT)
        for user, row in ((other, message), (session.owner, reply)):
            with pytest.raises(Forbidden):
                edit_message(user=user, session_id=session.id, message_id=row.id, content="x")

    def test_refusals(self, session: ChatSession) -> None:
        turn = send(session)
        ask: dict[str, Any] = {"user": session.owner, "session_id": session.id, "message_id": turn.message.id}
        with pytest.raises(ReplyInProgress):
            edit_message(**ask, content="x")
        with pytest.raises(InvalidContent):
            edit_message(**ask, content="\0")
        with pytest.raises(NotFound):
            edit_message(**{**ask, "message_id": uuid4()}, content="x")


@pytest.mark.parametrize("name", ["system_prompt", "chat_template", "tools"])
def test_a_visitor_of_a_panel_does_not_instruct_its_model(session: ChatSession, name: str, told: Any) -> None:
    panel = Panel.objects.create(owner=make_user(), name="Help")
    Visitor.objects.create(user=session.owner, panel=panel)
    turn = send(session, options={"temperature": 0.5})
    options = {name: {"functions": [{"name": "f"}]} if name == "tools" else "chatml"}
    with pytest.raises(InvalidOptions) as caught:
        send(session, options=options)
    assert caught.value.field == f"options.{name}"
    with pytest.raises(InvalidOptions) as caught:
        regenerate_reply(
            user=session.owner, session_id=session.id, message_id=turn.message.id, options=options
        )
    assert caught.value.field == f"options.{name}"


def test_instructions_of_a_turn_are_screened(session: ChatSession, told: Any) -> None:
    for word, action in (("forbidden", RuleAction.BLOCK), ("secret", RuleAction.MASK)):
        ContentRule.objects.create(name=word, pattern=word, action=action)
    with pytest.raises(ContentBlocked) as caught:
        send(session, options={"system_prompt": "Say forbidden things."})
    assert caught.value.field == "options.system_prompt"
    assert not ChatMessage.objects.exists()
    ChatSession.objects.update(settings={"system_prompt": "A secret."})
    assert "secret" not in send(session).generation.options["system_prompt"]
