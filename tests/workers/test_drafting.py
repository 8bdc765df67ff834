"""What is drafted from what an engine says: numbers, rates, and what content rules make of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from chat.models import ContentRule, Generation, GenerationChunk, GenerationStatus, RulePolicy
from chat.realtime.protocol.doorbells import Doorbell
from inference.types.requests import Resume
from tests.support.factories import make_generation
from tests.workers.conftest import FakeEngine
from workers.flusher import Flusher
from workers.generation import GenerationRun

pytestmark = pytest.mark.django_db(transaction=True)

Claim = Callable[..., GenerationRun]


def test_tokens_a_second_count_from_the_first_token(
    claim_run: Claim, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    run = claim_run()
    monkeypatch.setattr("workers.drafting.time.monotonic", lambda: now[0])
    engine.say(run, "a", 1)
    now[0] += 2
    engine.finish(run, tokens=21)
    outcome = run.draft().outcome

    assert outcome is not None
    assert outcome.tokens_per_second == 10
    assert (outcome.completion_tokens, outcome.cached_tokens) == (21, 1)


def test_a_single_token_has_no_rate(claim_run: Claim, engine: FakeEngine) -> None:
    run = claim_run()
    engine.say(run, "a")
    engine.finish(run, tokens=1)
    outcome = run.draft().outcome

    assert outcome is not None
    assert outcome.tokens_per_second is None


def rule(action: str, pattern: str, **fields: Any) -> ContentRule:
    return ContentRule.objects.create(name=f"{action} {pattern}", pattern=pattern, action=action, **fields)


def shown(run: GenerationRun) -> list[str]:
    return list(
        GenerationChunk.objects.filter(generation=run.id).order_by("seq").values_list("text", flat=True)
    )


class TestContentRules:
    def test_a_phrase_split_across_chunks_is_never_shown(
        self, claim_run: Claim, engine: FakeEngine, flusher: Flusher, doorbells: list[tuple[str, Doorbell]]
    ) -> None:
        blocking = rule("block", "secret plan")
        run = claim_run()
        engine.start(run, cached_tokens=2)
        for number, piece in enumerate(["The sec", "ret pl", "an. More"]):
            engine.say(run, piece, 10 + number)
            flusher.tick()

        row = Generation.objects.select_related("message").get(id=run.id)
        assert (row.status, row.finish_reason) == (GenerationStatus.SUCCEEDED, "content_filter")
        assert shown(run) == ["The ", "", ""]
        assert (row.message.content, row.message.finish_reason) == ("The ", "content_filter")
        assert row.message.metadata == {"blocked_by": str(blocking.id)}
        assert (row.completion_tokens, row.cached_tokens) == (3, 2)
        assert engine.cancelled == [run.request_id]
        assert run.is_over
        assert "secret" not in str(doorbells)

    def test_a_mask_is_what_is_committed(
        self, claim_run: Claim, engine: FakeEngine, flusher: Flusher
    ) -> None:
        rule("mask", "bad")
        run = claim_run()
        engine.say(run, "so ba")
        flusher.tick()
        engine.say(run, "d it")
        flusher.tick()
        engine.finish(run, text=" is")
        flusher.tick()
        assert shown(run) == ["so ", "••• it", " is"]
        assert Generation.objects.get(id=run.id).message.content == "so ••• it is"

    def test_the_end_of_a_reply_is_looked_at_too(
        self, claim_run: Claim, engine: FakeEngine, flusher: Flusher
    ) -> None:
        rule("block", "bad")
        run = claim_run()
        engine.say(run, "so bad")
        engine.finish(run)
        flusher.tick()
        row = Generation.objects.get(id=run.id)
        assert (row.finish_reason, shown(run)) == ("content_filter", ["so "])

    def test_a_later_attempt_hears_everything_again(
        self, claim_run: Claim, engine: FakeEngine, flusher: Flusher
    ) -> None:
        rule("mask", "bad idea")
        first = claim_run()
        engine.say(first, "A bad", 11, 12)
        flusher.tick()
        Generation.objects.filter(id=first.id).update(lease_until=timezone.now() - timedelta(seconds=1))
        second = claim_run(Generation.objects.get(id=first.id))
        assert engine.requests[second.request_id].resume == Resume(token_ids=[11, 12], text="")

        engine.say(second, "A bad idea,", 13)
        engine.finish(second, text=" really", tokens=3)
        flusher.tick()
        row = Generation.objects.select_related("message").get(id=first.id)
        assert row.message.content == "A •••, really"
        assert row.completion_tokens == 3

    def test_rules_that_change_meanwhile(
        self, claim_run: Claim, engine: FakeEngine, flusher: Flusher
    ) -> None:
        mask = rule("mask", "bad")
        first = claim_run()
        engine.say(first, "A bad idea", 11)
        flusher.tick()
        Generation.objects.filter(id=first.id).update(lease_until=timezone.now() - timedelta(seconds=1))
        ContentRule.objects.filter(id=mask.id).update(replacement="?")
        second = claim_run(Generation.objects.get(id=first.id))
        engine.say(second, "A bad idea, really", 12)
        flusher.tick()
        row = Generation.objects.select_related("message").get(id=first.id)
        assert (row.error_code, row.error_retryable) == ("content_rules_changed", True)
        assert row.message.content == "A ••• idea"
        assert second.request_id in engine.cancelled

    def test_a_group_has_its_own_policy(self, claim_run: Claim, engine: FakeEngine, flusher: Flusher) -> None:
        generation = make_generation()
        group = Group.objects.create(name="adults")
        generation.user.groups.add(group)
        RulePolicy.objects.create(rule=rule("block", "bad"), group=group, action="off")
        run = claim_run(generation)
        engine.say(run, "so bad it is")
        flusher.tick()
        assert shown(run) == ["so bad it is"]

    def test_a_reply_that_may_say_everything(
        self, claim_run: Claim, engine: FakeEngine, flusher: Flusher
    ) -> None:
        rule("block", "bad")
        run = claim_run(options={"content_filter": False})
        engine.say(run, "so bad it is")
        flusher.tick()
        assert shown(run) == ["so bad it is"]
