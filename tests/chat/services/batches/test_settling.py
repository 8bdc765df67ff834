"""Checkpoints and ends, each behind the fence."""

from __future__ import annotations

from chat.models import (
    BatchStatus,
    Case,
    ChatMessage,
    ContentRule,
    LineStatus,
    Participant,
    ParticipantRole,
    RuleAction,
)
from chat.services.batches import (
    LINE_LEASE,
    LineError,
    LineProgress,
    checkpoint_lines,
    release_lines,
    settle_lines,
    steer_batch,
)
from tests.support.batches import answer, claim, lines_of, make_job, request_line, submit, tend
from tests.support.factories import make_message, make_session, make_user

SAID = [{"token_ids": [1, 2], "text": "Hi"}]


def test_a_checkpoint_is_what_the_next_attempt_goes_on_from() -> None:
    job = make_job()
    [line] = claim()
    update = LineProgress(line_id=line.id, attempt=1, model_digest="d", choices=SAID)
    assert checkpoint_lines(updates=[update], lease=LINE_LEASE) == {line.id: False}
    release_lines(lines=[(line.id, 1)])
    assert checkpoint_lines(updates=[update], lease=LINE_LEASE) == {}
    [again] = claim()
    assert (again.checkpoint, again.model_digest) == (SAID, "d")
    steer_batch(user=job.user, job_id=job.id, is_paused=True)
    silent = LineProgress(line_id=line.id, attempt=2)
    assert checkpoint_lines(updates=[silent], lease=LINE_LEASE) == {line.id: True}
    assert lines_of(job)[0].choices == SAID


def test_an_end_counts_once_and_the_last_finalises() -> None:
    job = make_job(2)
    first, second = claim(2)
    assert answer(first, prompt_tokens=5, cached_tokens=9)
    assert not answer(first)
    job.refresh_from_db()
    assert (job.completed, job.failed, job.status) == (1, 0, BatchStatus.IN_PROGRESS)
    assert (job.prompt_tokens, job.cached_tokens, job.completion_tokens) == (5, 5, 2)
    assert answer(second, error=LineError(code="c", message="m"))
    job.refresh_from_db()
    assert (job.completed, job.failed, job.status) == (1, 1, BatchStatus.FINALIZING)
    assert job.finalizing_at is not None
    assert settle_lines(results=[]) == set()


def test_an_answer_is_written_into_the_session_it_names() -> None:
    session = make_session()
    question = make_message(session, "Well?")
    submit(request_line(session_id=str(session.id)), user=session.owner)
    tend()
    [line] = claim()
    answer(line, "Yes.")
    message = ChatMessage.objects.get(session=session, role="assistant")
    assert (message.content, message.parent_id, message.status) == ("Yes.", question.id, "complete")
    session.refresh_from_db()
    assert session.message_count == 1


def test_no_answer_is_written_where_the_jobs_owner_may_not_write_any_more() -> None:
    session, guest = make_session(), make_user()
    joined = Participant.objects.create(session=session, user=guest, role=ParticipantRole.MEMBER)
    job = submit(request_line("a", session_id=str(session.id)), user=guest)
    assert tend().status == BatchStatus.IN_PROGRESS
    [line] = claim()
    joined.delete()
    assert answer(line, "Yes.")
    assert not ChatMessage.objects.filter(session=session).exists()
    assert [line.choices[0]["text"] for line in lines_of(job)] == ["Yes."]


def test_rules_look_at_an_answer_that_is_written_into_a_session() -> None:
    session = make_session()
    for word, action in (("odd", RuleAction.FLAG), ("risky", RuleAction.WARN), ("secret", RuleAction.MASK)):
        ContentRule.objects.create(name=word, pattern=word, action=action, message="Take care.")
    submit(request_line(session_id=str(session.id)), user=session.owner)
    tend()
    [line] = claim()
    answer(line, "An odd, risky secret.")
    message = ChatMessage.objects.get(session=session)
    assert (message.content, message.metadata["warnings"]) == ("An odd, risky •••.", ["Take care."])
    assert Case.objects.get().message_id == message.id


def test_a_session_deleted_meanwhile_costs_nothing() -> None:
    session = make_session()
    submit(request_line(session_id=str(session.id)), user=session.owner)
    job = tend()
    [line] = claim()
    session.delete()
    assert answer(line)
    assert lines_of(job)[0].status == LineStatus.SUCCEEDED
