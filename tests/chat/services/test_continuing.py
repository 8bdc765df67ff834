from __future__ import annotations

from typing import Any

import pytest

from chat.models import ChatSession, Generation, MessageStatus, Participant, ParticipantRole, WorkerStatus
from chat.realtime.protocol.doorbells import Doorbell
from chat.realtime.protocol.events import GenerationQueued, MessageUpdate
from chat.services import continuing, replies, telling
from chat.services.continuing import continue_reply
from chat.services.errors import Conflict, Forbidden, NotFound, ReplyInProgress
from chat.services.generations import (
    Outcome,
    Progress,
    claim_generation,
    flush_progress,
    freeze_prompt,
    request_cancel,
)
from chat.services.turns import Turn, regenerate_reply, start_turn
from chat.services.workers import heartbeat
from inference.types.prompts import PreparedPrompt
from tests.support.factories import make_message, make_session, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is published and enqueued, in order."""
    happened: list[Any] = []
    monkeypatch.setattr(telling, "publish", lambda group, doorbell: happened.append(doorbell))
    for module in (replies, continuing):
        monkeypatch.setattr(module, "enqueue_generation", lambda id_, *_: happened.append(id_))
    return happened


@pytest.fixture
def session() -> ChatSession:
    heartbeat(name="w1", status=WorkerStatus.READY, loaded_models=["paced"], slots=1)
    return make_session()


def write(generation: Generation, *texts: str, reason: str = "length", first: int = 0) -> None:
    """A worker claims it and writes texts, two tokens each."""
    claimed = claim_generation(worker="w1", models=["paced"])
    assert claimed is not None
    assert claimed.id == generation.id
    if claimed.prompt_ids is None:
        prompt = PreparedPrompt(token_ids=[1, 2, 3], window=64)
        freeze_prompt(
            generation_id=claimed.id,
            attempt=claimed.attempt,
            prompt=prompt,
            model_digest="d",
            options=claimed.options,
            has_begun=bool(claimed.resume_text),
        )
    for number, text in enumerate(texts, claimed.next_seq):
        is_last = number == claimed.next_seq + len(texts) - 1
        written = len(claimed.resume_ids) + 2 * len(texts)
        outcome = Outcome(finish_reason=reason, completion_tokens=written) if is_last else None
        progress = Progress(
            generation_id=claimed.id,
            message_id=claimed.message_id,
            attempt=claimed.attempt,
            seq=number,
            is_first=number == claimed.next_seq,
            text=text,
            token_ids=[10 + number, 20 + number],
            outcome=outcome,
        )
        flush_progress(worker="w1", updates=[progress])


def cut_off(session: ChatSession, **fields: Any) -> Turn:
    turn = start_turn(
        user=session.owner, session_id=session.id, content="Hello", options={"max_tokens": 4, **fields}
    )
    write(turn.generation, "Once ", "upon ")
    return turn


def go_on(turn: Turn, **fields: Any) -> Turn:
    session = turn.reply.session
    return continue_reply(user=session.owner, session_id=session.id, message_id=turn.reply.id, **fields)


def test_it_goes_on_from_its_own_tokens(
    session: ChatSession, told: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    turn = cut_off(session)
    told.clear()
    with django_capture_on_commit_callbacks(execute=True):
        again = go_on(turn)
    hint, doorbell = told
    assert hint == again.generation.id
    assert isinstance(doorbell, Doorbell)
    update, queued = doorbell.events
    assert isinstance(update, MessageUpdate)
    assert isinstance(queued, GenerationQueued)
    assert (update.action, update.message.status, update.message.content) == (
        "updated",
        "streaming",
        "Once upon ",
    )
    claimed = claim_generation(worker="w1", models=["paced"])
    assert claimed is not None
    assert (claimed.prompt_ids, claimed.model_digest) == ([1, 2, 3], "d")
    assert (claimed.resume_ids, claimed.resume_text) == ([10, 20, 11, 21], "Once upon ")
    assert claimed.options == turn.generation.options | {"max_tokens": 8}
    assert claimed.next_seq == 1


def test_the_whole_is_one_message_and_counts_once(session: ChatSession) -> None:
    turn = cut_off(session)
    write(go_on(turn).generation, "a ", "time", reason="stop")
    turn.reply.refresh_from_db()
    session.refresh_from_db()
    assert (turn.reply.content, turn.reply.status) == ("Once upon a time", MessageStatus.COMPLETE)
    assert (turn.reply.tokens_used, turn.reply.metrics["context_length"]) == (8, 64)
    assert session.token_usage == (3 + 4) + (3 + 4)
    assert session.message_count == 2


def test_it_may_be_cut_off_again_and_still_has_the_first_allowance(session: ChatSession) -> None:
    turn = cut_off(session)
    write(go_on(turn).generation, "a ", "time")
    assert go_on(turn).generation.options["max_tokens"] == 8 + 4


def test_without_its_chunks_the_text_is_enough(session: ChatSession) -> None:
    turn = cut_off(session)
    turn.generation.chunks.all().delete()
    go_on(turn)
    claimed = claim_generation(worker="w1", models=["paced"])
    assert claimed is not None
    assert (claimed.prompt_ids, claimed.model_digest, claimed.resume_ids) == (None, "", [])
    assert claimed.resume_text == "Once upon "
    assert [message.content for message in claimed.messages] == ["Hello"]


def test_what_is_stopped_before_it_goes_on_keeps_its_text(session: ChatSession) -> None:
    turn = cut_off(session)
    request_cancel(generation_id=go_on(turn).generation.id)
    turn.reply.refresh_from_db()
    assert (turn.reply.content, turn.reply.status) == ("Once upon ", MessageStatus.CANCELLED)
    assert go_on(turn).created


def test_the_same_request_is_the_same_turn(session: ChatSession) -> None:
    turn = cut_off(session)
    first = go_on(turn, request_id="r1")
    again = go_on(turn, request_id="r1")
    assert (again.generation, again.created, again.updates) == (first.generation, False, ())
    with pytest.raises(ReplyInProgress):
        go_on(turn, request_id="r2")


def test_what_is_finished_has_nothing_to_go_on_with(session: ChatSession) -> None:
    turn = start_turn(user=session.owner, session_id=session.id, content="Hello")
    write(turn.generation, "Done.", reason="stop")
    with pytest.raises(Conflict) as caught:
        go_on(turn)
    assert caught.value.code == "already_ended"
    question = make_message(session)
    with pytest.raises(NotFound):
        continue_reply(user=session.owner, session_id=session.id, message_id=question.id)


def test_a_viewer_may_not(session: ChatSession) -> None:
    turn = cut_off(session)
    viewer = make_user()
    Participant.objects.create(session=session, user=viewer, role=ParticipantRole.VIEWER)
    with pytest.raises(Forbidden):
        continue_reply(user=viewer, session_id=session.id, message_id=turn.reply.id)
    with pytest.raises(NotFound):
        continue_reply(user=make_user(), session_id=session.id, message_id=turn.reply.id)


def test_running_again_exactly_takes_seed_and_settings(session: ChatSession) -> None:
    turn = cut_off(session, temperature=0.3)
    turn.generation.refresh_from_db()
    session.settings, session.system_prompt = {"temperature": 2.0, "seed": 1}, "Be rude."
    session.save()
    again = regenerate_reply(
        user=session.owner, session_id=session.id, message_id=turn.reply.id, exactly=True
    )
    assert again.generation.options == turn.generation.options
    assert again.reply.parent == turn.message
    with pytest.raises(NotFound):
        regenerate_reply(user=session.owner, session_id=session.id, message_id=turn.message.id, exactly=True)
