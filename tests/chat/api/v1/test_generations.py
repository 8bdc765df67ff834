"""Generations over HTTP."""

from __future__ import annotations

from uuid import uuid4

from chat.models import Participant, ParticipantRole
from chat.models.failures import stored_reason
from chat.services.generations.settling import OutcomeError
from inference.types.errors import Reason
from tests.support.api import Caller, answer_next
from tests.support.factories import make_generation, make_session


def test_a_generation_has_every_field(ada: Caller) -> None:
    row = make_generation(make_session(ada.user))
    body = ada.get(f"generations/{row.id}").json()
    assert set(body) == {
        *("id", "session_id", "message_id", "status", "attempt", "worker", "model"),
        *("requested_model", "finish_reason"),
        *("usage", "metrics", "error", "created_at", "started_at", "finished_at"),
    }
    assert (body["status"], body["attempt"], body["worker"], body["finished_at"]) == ("queued", 0, None, None)
    answer_next("a", "b")
    body = ada.get(f"generations/{row.id}").json()
    assert (body["status"], body["finish_reason"], body["usage"]["completion_tokens"]) == (
        "succeeded",
        "stop",
        2,
    )
    assert body["finished_at"].endswith("Z")


def test_a_shift_is_told_where_no_policy_left_anything_out(ada: Caller) -> None:
    row = make_generation(make_session(ada.user), dropped={"shifted": 40})
    usage = ada.get(f"generations/{row.id}").json()["usage"]
    assert usage["dropped"] == {"messages": 0, "compressed": 0, "tokens": 0, "shifted": 40}


def test_a_failure_says_why(ada: Caller) -> None:
    row = make_generation(make_session(ada.user))
    answer_next(error=OutcomeError(code="poison", message="It broke.", retryable=True))
    assert ada.get(f"generations/{row.id}").json()["error"] == {
        "code": "poison",
        "message": "It broke.",
        "retryable": True,
    }


def test_a_failure_says_why_in_the_language_of_the_request(ada: Caller) -> None:
    row = make_generation(make_session(ada.user))
    reason = Reason("The model cannot be loaded: %(reason)s", {"reason": "No."})
    answer_next(error=OutcomeError(code="model_unavailable", message=str(reason), reason=reason))
    german = {"HTTP_ACCEPT_LANGUAGE": "de"}
    message = f"sessions/{row.session_id}/messages"
    for language, said in (
        ({}, "The model cannot be loaded: No."),
        (german, "Das Modell lässt sich nicht laden: No."),
    ):
        assert ada.get(f"generations/{row.id}", **language).json()["error"]["message"] == said
        told = ada.get(message, **language).json()["messages"][-1]
        assert (told["error_message"], told["error_reason"]) == (said, stored_reason(reason))


def test_stopping(ada: Caller, bob: Caller) -> None:
    row = make_generation(make_session(ada.user))
    path = f"generations/{row.id}/cancel"
    assert bob.post(path).status_code == 404
    Participant.objects.create(session=row.session, user=bob.user, role=ParticipantRole.VIEWER)
    assert bob.post(path).status_code == 403
    assert ada.post(path).json()["status"] == "cancelled"
    assert ada.post(path).json()["status"] == "cancelled"


def test_somebody_elses_is_not_there(ada: Caller, bob: Caller) -> None:
    row = make_generation(make_session(ada.user))
    for path in (f"generations/{row.id}", f"generations/{row.id}/stream", f"generations/{uuid4()}"):
        assert bob.get(path).status_code == 404
