"""What moderators do to a running deployment; each act is one entry of the audit log."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from chat.models import Banner, Generation, Hold, HoldKind, LanguageModel, User, WorkerNode
from chat.services.access import require_permission
from chat.services.audit import record
from chat.services.errors import Conflict, InvalidRequest, NotFound
from chat.services.generations import request_cancel
from chat.services.text import require_storable

MOST_CHARACTERS = 300
HELD = {HoldKind.WORKER: "worker.drained", HoldKind.QUEUE: "queue.paused"}
LIFTED = {HoldKind.WORKER: "worker.resumed", HoldKind.QUEUE: "queue.resumed"}


def kill_generation(*, actor: User, generation_id: UUID, reason: str) -> None:
    """Stop anybody's reply; its readers see the reason. Raises `Conflict` where it has ended already."""
    require_permission(actor, "chat.kill_generations")
    reason = _check(reason, field="reason")
    generation = Generation.objects.only("id", "user_id").filter(id=generation_id).first()
    if generation is None:
        raise NotFound("There is no such generation.")
    with transaction.atomic():
        if not request_cancel(generation_id=generation_id, reason=reason):
            raise Conflict("This reply has ended already.")
        record(
            actor=actor,
            action="generation.killed",
            subject=generation,
            details={"reason": reason, "user": str(generation.user_id)},
        )


def hold(*, actor: User, kind: HoldKind, name: str) -> None:
    """Let a worker, or the workers of a queue, take nothing new. Again is harmless and leaves no entry."""
    require_permission(actor, "chat.drain_workers")
    is_known = (
        WorkerNode.objects.filter(name=name).exists()
        if kind == HoldKind.WORKER
        else LanguageModel.objects.filter(slug=name).exists()
        or any(name in offered for offered in WorkerNode.objects.values_list("offered_models", flat=True))
    )
    if not is_known:
        raise NotFound("There is no such %(kind)s.", values={"kind": kind})
    with transaction.atomic():
        held, is_new = Hold.objects.get_or_create(kind=kind, name=name, defaults={"actor": actor})
        if is_new:
            record(actor=actor, action=HELD[kind], subject=held, details={"name": name})


def lift(*, actor: User, kind: HoldKind, name: str) -> None:
    """Let it take work again."""
    require_permission(actor, "chat.drain_workers")
    with transaction.atomic():
        held = Hold.objects.select_for_update().filter(kind=kind, name=name).first()
        if held is not None:
            record(actor=actor, action=LIFTED[kind], subject=held, details={"name": name})
            held.delete()


def set_banner(*, actor: User, text: str) -> None:
    """Show a sentence above every page; none takes it away."""
    require_permission(actor, "chat.drain_workers")
    text = " ".join(text.split())
    if text:
        text = _check(text, field="text")
    with transaction.atomic():
        if text:
            Banner.objects.update_or_create(id=1, defaults={"text": text})
            record(actor=actor, action="banner.set", details={"text": text})
        elif Banner.objects.all().delete()[0]:
            record(actor=actor, action="banner.cleared")


def _check(text: str, *, field: str) -> str:
    text = text.strip()
    require_storable(text, field=field, error=InvalidRequest)
    if not 1 <= len(text) <= MOST_CHARACTERS:
        raise InvalidRequest(
            "%(field)s must have 1 to %(most)s characters.",
            field=field,
            values={"field": field, "most": MOST_CHARACTERS},
        )
    return text
