from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from chat.models import LanguageModel, WorkerNode, WorkerStatus
from chat.selectors.workers import (
    available_models,
    default_model,
    is_known_model,
    live_workers,
    offered_models,
)
from chat.services.workers import heartbeat, retire_worker

pytestmark = pytest.mark.django_db


def test_the_life_of_a_worker() -> None:
    heartbeat(name="a", status=WorkerStatus.STARTING, device="gpu", slots=4)
    assert not live_workers().exists()
    started_at = WorkerNode.objects.get().started_at
    heartbeat(name="a", status=WorkerStatus.READY, loaded_models=["m", "n"], slots=4, busy=1)
    [node] = live_workers()
    assert node.started_at == started_at
    assert (node.loaded_models, node.slots, node.busy) == (["m", "n"], 4, 1)
    assert node.device == "cpu", "what it does not say any more"
    assert offered_models() == ["m", "n"]
    retire_worker(name="a")
    assert not live_workers().exists()
    node.refresh_from_db()
    assert (node.status, node.busy, node.loaded_models) == (WorkerStatus.STOPPED, 0, [])


def test_a_silent_or_draining_worker_is_not_live() -> None:
    heartbeat(name="a", status=WorkerStatus.READY, detail="x" * 400)
    heartbeat(name="b", status=WorkerStatus.DRAINING)
    assert [node.name for node in live_workers()] == ["a"]
    WorkerNode.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=11))
    assert not live_workers().exists()


def test_what_may_be_chosen() -> None:
    assert (default_model(), available_models()) == (None, {})
    heartbeat(name="a", status=WorkerStatus.READY, loaded_models=["paced"])
    assert (default_model(), is_known_model("paced"), is_known_model("tiny")) == ("paced", True, False)
    LanguageModel.objects.create(
        slug="tiny", name="T", source="s", path="p", digest="d", size_bytes=1, context_length=1
    )
    assert (default_model(), is_known_model("tiny")) == ("tiny", True)
    assert available_models() == {"paced": True, "tiny": False}
