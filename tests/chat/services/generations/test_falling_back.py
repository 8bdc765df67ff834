"""Use B when A is gone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chat.models import Generation, GenerationStatus, LanguageModel, WorkerNode, WorkerStatus
from chat.realtime.protocol.doorbells import Doorbell, session_group
from chat.realtime.protocol.events import MessageUpdate
from chat.selectors.routing import Route, fallback_for
from chat.services import telling
from chat.services.catalogue import choose_fallback
from chat.services.errors import InvalidRequest, UnknownModel
from chat.services.generations import claim_generation, fall_back, falling_back, tick_control
from chat.services.turns import start_turn
from chat.services.workers import heartbeat
from tests.support.factories import make_generation, make_session

pytestmark = pytest.mark.django_db
AGO = timedelta(seconds=6)


@pytest.fixture(autouse=True)
def hints(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Route]]:
    told: list[tuple[str, Route]] = []
    monkeypatch.setattr(
        falling_back, "enqueue_generation", lambda id_, model, route: told.append((model, route))
    )
    return told


@pytest.fixture(autouse=True)
def _catalogue() -> None:
    """Of a, b, c only c is there; a falls back to b, b to c, and c to a."""
    models = {slug: LanguageModel(slug=slug, size_bytes=1, context_length=1) for slug in "abc"}
    LanguageModel.objects.bulk_create(models.values())
    for slug, fallback in zip("abc", "bca", strict=True):
        choose_fallback(slug=slug, fallback=fallback)
    offer("c")


def offer(*models: str) -> None:
    heartbeat(name="w", status=WorkerStatus.READY, loaded_models=models, slots=4)


def waiting(**fields: Any) -> Generation:
    return make_generation(model="a", waiting_since=timezone.now() - AGO, **fields)


def test_the_chain_is_followed_to_the_first_that_is_offered() -> None:
    assert fallback_for("a", {}) == "c"
    assert fallback_for("a", {"fallback_models": ["x", "b", "c"]}) == "c"
    assert fallback_for("a", {"fallback_models": []}) == "a", "the session wants none"
    offer("b", "c")
    assert fallback_for("a", {}) == "b"
    WorkerNode.objects.all().delete()
    assert fallback_for("a", {}) == "a", "nobody is there"
    choose_fallback(slug="a", fallback="")
    offer("b", "c")
    assert fallback_for("a", {}) == "a"


def test_a_fallback_is_another_model_of_the_catalogue() -> None:
    with pytest.raises(InvalidRequest):
        choose_fallback(slug="a", fallback="a")
    with pytest.raises(UnknownModel):
        choose_fallback(slug="a", fallback="x")


def test_a_new_turn_goes_at_once_to_who_is_there() -> None:
    session = make_session(llm_model="a")
    turn = start_turn(user=session.owner, session_id=session.id, content="Hello")
    row = Generation.objects.get(id=turn.generation.id)
    assert (row.model, row.requested_model, row.message.llm_model) == ("c", "a", "c")
    other = make_session(llm_model="a", settings={"fallback_models": []})
    turn = start_turn(user=other.owner, session_id=other.id, content="Hello")
    assert (turn.generation.model, turn.generation.requested_model) == ("a", "")


def test_what_waits_is_handed_over_after_a_while(
    hints: list[tuple[str, Route]],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    told: list[tuple[str, Doorbell]] = []
    monkeypatch.setattr(telling, "publish", lambda group, doorbell: told.append((group, doorbell)))
    old = waiting()
    fresh = make_generation(model="a")
    stopped = waiting(cancel_requested=True)
    served = make_generation(model="c", waiting_since=timezone.now() - AGO)
    with django_capture_on_commit_callbacks(execute=True):
        assert fall_back() == 1
    assert hints == [("c", Route(device="cpu"))]
    rows = dict(Generation.objects.values_list("id", "model"))
    assert rows == {old.id: "c", fresh.id: "a", stopped.id: "a", served.id: "c"}
    old.refresh_from_db()
    assert (old.requested_model, old.message.llm_model) == ("a", "c")
    ((group, doorbell),) = told
    (update,) = doorbell.events
    assert isinstance(update, MessageUpdate)
    assert group == session_group(old.session_id)
    assert (update.action, update.message.id) == ("updated", str(old.message_id))
    assert update.message.llm_model == "c"
    assert old.waiting_since > timezone.now() - AGO
    assert fall_back() == 0


def test_a_lost_reply_is_handed_over_under_the_fence() -> None:
    lease = timezone.now() - AGO
    lost = make_generation(
        model="a", status=GenerationStatus.RUNNING, attempt=1, worker="x", lease_until=lease
    )
    tick_control()
    assert fall_back() == 1
    claimed = claim_generation(worker="w", models=["c"])
    assert claimed is not None
    assert (claimed.id, claimed.attempt) == (lost.id, 2)
    lost.refresh_from_db()
    assert (lost.faults, lost.requested_model) == (1, "a")


def test_a_second_fallback_remembers_what_was_asked_for() -> None:
    row = waiting(requested_model="z")
    fall_back()
    row.refresh_from_db()
    assert (row.model, row.requested_model) == ("c", "z")
