"""The pool over HTTP."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from chat.models import GenerationStatus, WorkerNode, WorkerStatus
from chat.services.workers import heartbeat
from inference.types.errors import Reason
from tests.support.api import Caller
from tests.support.factories import make_generation


def test_staff_see_what_workers_can_do_and_how_busy_they_are(ada: Caller) -> None:
    assert ada.get("workers").status_code == 403
    ada.user.is_staff = True
    ada.user.save()
    WorkerNode.objects.all().delete()
    can = {"backend": "llama", "context_length": 4096}
    why = Reason("The engine of %(model)s stopped again and again.", {"model": "big"})
    for name in ("here", "lost", "left"):
        heartbeat(
            name=name,
            status=WorkerStatus.READY,
            device="gpu",
            loaded_models=["m"],
            refused_models={"big": why, "odd": "It does not fit."},
            slots=4,
            capabilities=can,
        )
    long_ago = timezone.now() - timedelta(minutes=1)
    WorkerNode.objects.exclude(name="here").update(heartbeat_at=long_ago)
    WorkerNode.objects.filter(name="left").update(status=WorkerStatus.STOPPED)
    make_generation(status=GenerationStatus.RUNNING, worker="here", lease_until=timezone.now())
    here, left, lost = ada.get("workers").json()["workers"]
    assert (here["name"], here["status"], here["device"], here["models"]) == ("here", "ready", "gpu", ["m"])
    assert (here["slots"], here["running"], here["capabilities"]) == (4, 1, can)
    assert here["refused_models"] == {"big": str(why), "odd": "It does not fit."}
    german = ada.get("workers", HTTP_ACCEPT_LANGUAGE="de").json()["workers"][0]["refused_models"]
    assert german["big"] == "Die Engine von big ist immer wieder abgestürzt."
    assert (left["status"], lost["status"]) == ("stopped", "lost")
