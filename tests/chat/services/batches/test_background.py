"""Lines of the server's own: asked once, settled once, told once."""

from __future__ import annotations

from typing import Any

import pytest

from chat.models import BatchJob, BatchLine, BatchStatus, User
from chat.selectors.batches import list_batches
from chat.services.batches import BackgroundResult, LineError, background, submit_background
from chat.services.batches.clerking import take_job
from inference.types.prompts import PromptMessage
from tests.support.batches import answer, claim, make_job
from tests.support.factories import make_user

TAKEN: list[BackgroundResult] = []
ASK = [PromptMessage(role="system", content="Judge."), PromptMessage(role="user", content="Tea?")]


def take(result: BackgroundResult) -> None:
    if result.text == "bad":
        User.objects.filter(id=result.user_id).update(first_name="written")
        raise ValueError(result.text)
    TAKEN.append(result)


@pytest.fixture(autouse=True)
def _handler(monkeypatch: pytest.MonkeyPatch) -> None:
    TAKEN.clear()
    monkeypatch.setitem(background.HANDLERS, "test", f"{__name__}.take")


def ask(user: User, subject: str = "s", **options: Any) -> bool:
    return submit_background(
        user=user, purpose="test", subject=subject, model="paced", messages=ASK, **options
    )


def test_a_result_is_handed_over_once_and_the_job_rests() -> None:
    user = make_user()
    assert ask(user, max_tokens=5)
    [line] = claim(3)
    assert '"max_tokens":5' in line.body
    assert answer(line, "Yes.")
    assert not answer(line, "Yes.")
    [result] = TAKEN
    assert (result.subject, result.user_id, result.text) == ("s", user.id, "Yes.")
    job = BatchJob.objects.get(user=user)
    assert (job.status, job.total, job.completed, job.finalizing_at) == (BatchStatus.COMPLETED, 1, 1, None)
    assert take_job() is None
    assert not list_batches(user=user, limit=5).rows


def test_a_subject_waits_once_and_may_be_asked_again_later() -> None:
    user = make_user()
    assert ask(user)
    assert not ask(user)
    [line] = claim(3)
    assert not ask(user)
    assert answer(line)
    assert ask(user)
    [again] = claim(3)
    assert answer(again, "", error=LineError(code="overloaded", message="m"), choices=[])
    assert [result.error for result in TAKEN] == ["", "overloaded"]


def test_what_a_handler_raises_undoes_only_what_it_wrote() -> None:
    user = make_user()
    ask(user)
    [line] = claim()
    assert answer(line, "bad")
    user.refresh_from_db()
    assert user.first_name == ""
    assert BatchLine.objects.get(id=line.id).status == "succeeded"


def test_waiting_lines_are_bounded_and_nobody_unknown_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    user = make_user()
    monkeypatch.setattr(background, "MAX_WAITING", 2)
    assert [ask(user, subject) for subject in "abc"] == [True, True, False]
    with pytest.raises(ValueError, match="other"):
        submit_background(user=user, purpose="other", subject="s", model="paced", messages=ASK)


def test_a_users_own_work_goes_before_the_rest_of_the_batch() -> None:
    user = make_user()
    make_job(3, user=user)
    ask(user)
    [line] = claim()
    assert answer(line)
    assert len(TAKEN) == 1
