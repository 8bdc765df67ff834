"""No provider gets more streams at once than it takes, whoever asks it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chat.models import Generation, GenerationStatus, ProviderModel
from chat.services.generations import (
    ClaimedGeneration,
    claim_generation,
    claim_streams,
    release_generations,
    request_cancel,
    take_stream,
)
from chat.services.providers import add_provider
from tests.support.factories import make_generation

pytestmark = pytest.mark.django_db


def serve(**streams: int) -> None:
    for priority, (slug, count) in enumerate(streams.items()):
        add_provider(
            slug=slug,
            base_url="http://127.0.0.1:9/v1",
            models={"x": "big"},
            max_streams=count,
            priority=priority,
        )


def claim(worker: str = "w") -> ClaimedGeneration | None:
    claimed = claim_streams(worker=worker, models=["big"])
    return claimed[0] if claimed else None


def turns(count: int, **fields: Any) -> list[Generation]:
    return [make_generation(model="big", **fields) for _ in range(count)]


def source(generation: Generation) -> str:
    return Generation.objects.get(id=generation.id).streams_from


def rest(provider: str) -> None:
    later = timezone.now() + timedelta(hours=1)
    ProviderModel.objects.filter(provider__slug=provider).update(rests_until=later)


def test_the_limit_is_that_of_all_workers_together_and_an_end_makes_room() -> None:
    serve(one=2)
    first, second, third = turns(3)
    assert [getattr(claim(f"w{number}"), "id", None) for number in range(3)] == [first.id, second.id, None]
    assert Generation.objects.get(id=third.id).attempt == 0, "it was never claimed"
    release_generations(generations=[(first.id, 1)])
    request_cancel(generation_id=first.id)
    claimed = claim()
    assert claimed is not None
    assert claimed.id == third.id


def test_a_lost_workers_stream_is_free_and_its_reply_takes_one_again() -> None:
    serve(one=1)
    (lost,) = turns(1)
    assert claim()
    Generation.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    claimed = claim("another")
    assert claimed is not None
    assert (claimed.id, claimed.attempt, source(lost)) == (lost.id, 2, "one")


def test_the_next_provider_has_streams_of_its_own() -> None:
    serve(one=1, two=1)
    first, second, _ = turns(3)
    assert claim()
    assert claim()
    assert claim() is None
    assert [source(first), source(second)] == ["one", "two"]


def test_who_wants_a_full_provider_waits_and_keeps_nobody_else_waiting() -> None:
    serve(one=1, two=9)
    running, waits = turns(2, provider="one")
    (other,) = turns(1)
    assert claim()
    assert claim()
    assert claim() is None
    assert [source(each) for each in (running, waits, other)] == ["one", "", "two"]


def test_a_full_provider_is_waited_for_while_the_others_rest() -> None:
    serve(one=1, two=1)
    rest("two")
    turns(2)
    assert claim()
    assert claim() is None
    rest("one")
    Generation.objects.filter(status=GenerationStatus.RUNNING).update(
        status=GenerationStatus.CANCELLED, lease_until=None, finished_at=timezone.now()
    )
    assert claim(), "all rest: the reply says so"


def test_a_reply_goes_over_to_another_providers_stream() -> None:
    serve(one=1, two=1)
    first, second = turns(2)
    claim()
    claim()
    assert take_stream(generation_id=first.id, attempt=1, provider="one"), "it has it"
    assert not take_stream(generation_id=first.id, attempt=1, provider="two")
    Generation.objects.filter(id=second.id).update(streams_from="")
    assert not take_stream(generation_id=first.id, attempt=9, provider="two"), "another's attempt"
    assert take_stream(generation_id=first.id, attempt=1, provider="two")
    assert source(first) == "two"


def test_who_takes_over_without_a_stream_holds_none() -> None:
    serve(one=1)
    (lost,) = turns(1)
    claim("gone")
    assert source(lost) == "one"
    Generation.objects.update(lease_until=timezone.now() - timedelta(minutes=1))
    assert claim_generation(worker="local", models=["big"]) is not None
    assert source(lost) == ""
