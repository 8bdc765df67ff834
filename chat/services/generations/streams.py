"""Streams of providers: no more at once than `max_streams`, all workers together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Count
from django.db.models.functions import Now

from chat.models import Generation, GenerationStatus, Provider, ProviderModel
from chat.selectors.providers import enabled_routes, is_resting
from chat.services.generations.claiming import ClaimedGeneration, claim_generation


def claim_streams(*, worker: str, models: Sequence[str], most: int = 1) -> list[ClaimedGeneration]:
    """Claim the fairest generation that a provider has a stream for, and take that stream: one at most.

    What finds no stream stays in the queue, in its place.
    """
    with transaction.atomic():
        free = _lock_free_streams()
        routes = enabled_routes(models)
        claimed = claim_generation(
            worker=worker,
            models=[model for model, rows in routes.items() if _has_room(rows, free)],
            full_providers=[slug for slug, count in free.items() if count <= 0],
        )
        if claimed is not None:
            source = _choose(claimed, routes[claimed.model], free)
            Generation.objects.filter(id=claimed.id).update(streams_from=source)
    return [claimed] if claimed is not None else []


def take_stream(*, generation_id: UUID, attempt: int, provider: str) -> bool:
    """Hold a stream of this provider instead. False when it has none, or the attempt has lost its lease."""
    held = Generation.objects.filter(id=generation_id, attempt=attempt, status=GenerationStatus.RUNNING)
    if held.filter(streams_from=provider).exists():
        return True
    with transaction.atomic():
        has_one = _lock_free_streams().get(provider, 0) > 0
        return has_one and bool(held.update(streams_from=provider))


def _lock_free_streams() -> dict[str, int]:
    """How many more streams each enabled provider takes. Until the transaction ends, nobody else counts."""
    providers = Provider.objects.select_for_update().filter(is_enabled=True).order_by("id")
    limits = dict(providers.values_list("slug", "max_streams"))
    # A lost worker's connections are gone with it.
    running = Generation.objects.filter(status=GenerationStatus.RUNNING, lease_until__gt=Now())
    used = dict(running.order_by().values_list("streams_from").annotate(count=Count("id")))
    return {slug: limit - used.get(slug, 0) for slug, limit in limits.items()}


def _has_room(rows: Sequence[ProviderModel], free: Mapping[str, int]) -> bool:
    """Where nobody is full, somebody may be asked: that all rest is for the reply to say."""
    is_full = [free.get(row.provider.slug, 0) <= 0 for row in rows]
    return not any(is_full) or any(
        not (full or is_resting(row)) for row, full in zip(rows, is_full, strict=True)
    )


def _choose(claimed: ClaimedGeneration, rows: Sequence[ProviderModel], free: Mapping[str, int]) -> str:
    """The one that will probably answer; who does takes a stream before it is asked."""
    slugs = [
        row.provider.slug
        for row in sorted(rows, key=is_resting)
        if claimed.provider in ("", row.provider.slug) and free.get(row.provider.slug, 0) > 0
    ]
    return slugs[0] if slugs else ""
