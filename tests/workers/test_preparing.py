"""What an attempt asks of its engine, and what of it is frozen for all attempts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from chat.models import Generation, GenerationStatus
from chat.services.generations import claim_generation, freeze_prompt
from chat.services.generations.token_ids import pack_ids, unpack_ids
from inference.types.context import ContextShift, Dropped
from inference.types.errors import InferenceError
from inference.types.prompts import PreparedPrompt
from inference.types.requests import Resume
from tests.support.factories import make_generation
from tests.workers.conftest import WORKER, FakeEngine, as_client
from workers import preparing
from workers.flusher import Flusher
from workers.generation import GenerationRun
from workers.preparing import effective_options

pytestmark = pytest.mark.django_db(transaction=True)

Claim = Callable[..., GenerationRun]


def test_the_first_claim_freezes_what_every_attempt_runs_on(claim_run: Claim, engine: FakeEngine) -> None:
    run = claim_run(options={"temperature": 0.5, "stop": ["STOP"], "max_tokens": 9})
    row = Generation.objects.get(id=run.id)
    request = engine.requests[run.request_id]

    assert request.prompt_ids == [1, 2, 3]
    assert row.prompt_tokens == 3
    assert row.model_digest == "digest"
    assert row.options["stop"] == ["STOP", "<end>"]
    assert row.options["seed"] == request.sampling.seed
    assert request.sampling.seed is not None
    assert (request.sampling.temperature, request.sampling.max_tokens) == (0.5, 9)
    assert request.sampling.stop == ("STOP", "<end>")
    assert request.resume is None


def test_a_later_attempt_resumes_on_the_frozen_prompt(
    claim_run: Claim, engine: FakeEngine, flusher: Flusher
) -> None:
    first = claim_run()
    engine.say(first, "one ", 11, 12)
    flusher.tick()
    Generation.objects.filter(id=first.id).update(lease_until=timezone.now() - timedelta(seconds=1))
    engine.prompt = InferenceError("never", "Nobody may ask again.")
    second = claim_run(Generation.objects.get(id=first.id))

    request = engine.requests[second.request_id]
    assert second.attempt == 2
    assert request.resume == Resume(token_ids=[11, 12], text="one ")
    assert request.prompt_ids == [1, 2, 3]
    assert request.sampling == engine.requests[first.request_id].sampling


def test_the_time_limit_counts_from_the_first_claim(claim_run: Claim, engine: FakeEngine) -> None:
    generation = make_generation(
        options={"max_response_time_ms": 60_000}, started_at=timezone.now() - timedelta(seconds=50)
    )
    late = make_generation(
        options={"max_response_time_ms": 10}, started_at=timezone.now() - timedelta(days=1)
    )

    assert 5_000 < engine.requests[claim_run(generation).request_id].time_limit_ms <= 10_000
    assert engine.requests[claim_run(late).request_id].time_limit_ms == 1


@pytest.mark.parametrize(
    ("problem", "code", "retryable"),
    [
        (InferenceError("context_length_exceeded", "Too long."), "context_length_exceeded", False),
        (RuntimeError("a bug"), "internal_error", False),
    ],
)
def test_what_cannot_be_prepared_fails_with_its_reason(
    claim_run: Claim, engine: FakeEngine, flusher: Flusher, problem: Exception, code: str, retryable: bool
) -> None:
    engine.prompt = problem
    run = claim_run()
    flusher.tick()

    row = Generation.objects.get(id=run.id)
    assert (row.status, row.error_code, row.error_retryable) == (GenerationStatus.FAILED, code, retryable)
    assert run.is_over
    assert flusher.busy == 0
    assert engine.requests == {}


def test_another_models_reply_goes_on_in_the_tokens_of_this_one(
    claim_run: Claim, engine: FakeEngine, flusher: Flusher
) -> None:
    options = {"stop": ["STOP"], "logit_bias": {"7": -1.0}, "stop_token_ids": [9], "max_tokens": 50}
    generation = make_generation(
        prompt_ids=b"\1\0\0\0", prompt_tokens=1, model_digest="another", options=options, attempt=1
    )
    for seq, text in enumerate(["Once ", "upon "]):
        generation.chunks.create(seq=seq, attempt=1, text=text, token_ids=pack_ids([5, 6]))
    engine.prompt = PreparedPrompt(token_ids=[1, 2, 3], stop=("<end>",), written_ids=[70, 71, 72])
    run = claim_run(generation)
    request = engine.requests[run.request_id]

    assert engine.written == "Once upon "
    assert request.prompt_ids == [1, 2, 3]
    assert request.resume == Resume(token_ids=[70, 71, 72], text="Once upon ")
    assert (request.sampling.stop, request.sampling.max_tokens) == (("STOP", "<end>"), 50)
    assert (request.sampling.logit_bias, request.sampling.stop_token_ids) == ({}, ())

    engine.say(run, "a time", 73)
    engine.finish(run)
    flusher.tick()
    generation.refresh_from_db()
    assert generation.message.content == "Once upon a time"
    assert generation.model_digest == "digest"
    ids = [unpack_ids(ids) for ids in generation.chunks.order_by("seq").values_list("token_ids", flat=True)]
    assert ids == [[70, 71, 72], [], [73]]


def test_a_reply_that_no_tokens_of_this_model_can_say_fails_as_retryable(
    claim_run: Claim, engine: FakeEngine, flusher: Flusher
) -> None:
    generation = make_generation(prompt_ids=b"\1\0\0\0", prompt_tokens=1, model_digest="another")
    engine.prompt = InferenceError("model_changed", "Please try again.", retryable=True)
    claim_run(generation)
    flusher.tick()

    generation.refresh_from_db()
    assert (generation.error_code, generation.error_retryable) == ("model_changed", True)
    assert engine.requests == {}


def test_a_lease_lost_while_preparing_submits_nothing(engine: FakeEngine, flusher: Flusher) -> None:
    generation = make_generation()
    claimed = claim_generation(worker=WORKER, models=["paced"])
    assert claimed is not None
    Generation.objects.filter(id=generation.id).update(attempt=2)
    run = GenerationRun(claimed, flusher.hear)
    run.start(as_client(engine), "digest")

    assert engine.requests == {}
    generation.refresh_from_db()
    assert generation.prompt_ids is None


def test_freezing_waits_for_the_database_until_the_run_is_over(
    engine: FakeEngine, flusher: Flusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_generation()
    claimed = claim_generation(worker=WORKER, models=["paced"])
    assert claimed is not None
    failures = [OperationalError("away"), OperationalError("still away")]

    def flaky(**fields: object) -> bool:
        if failures:
            raise failures.pop()
        return freeze_prompt(**fields)  # type: ignore[arg-type]

    monkeypatch.setattr(preparing, "freeze_prompt", flaky)
    monkeypatch.setattr(preparing, "RETRY_S", 0.001)
    run = GenerationRun(claimed, flusher.hear)
    run.start(as_client(engine), "digest")
    assert list(engine.requests) == [run.request_id]

    abandoned = GenerationRun(claimed, flusher.hear)
    abandoned.abandon()
    abandoned.start(as_client(engine), "digest")
    assert list(engine.requests) == [run.request_id]


def test_the_prompt_is_prepared_by_the_context_policy_of_the_turn(
    engine: FakeEngine, flusher: Flusher
) -> None:
    row = make_generation(options={"context_policy": "last_turns", "context_turns": 3})
    engine.prompt = PreparedPrompt(token_ids=[1], dropped=Dropped(messages=4, tokens=7))
    claimed = claim_generation(worker=WORKER, models=["paced"])
    assert claimed is not None
    GenerationRun(claimed, flusher.hear).start(as_client(engine), "digest")
    assert (engine.policy.kind, engine.policy.turns) == ("last_turns", 3)
    row.refresh_from_db()
    assert row.dropped["messages"] == 4


def test_stop_strings_are_not_repeated_and_the_templates_own_are_kept() -> None:
    prompt = PreparedPrompt(token_ids=[1], stop=("a", "z"))

    assert effective_options({"stop": ["a", "b"], "seed": 0}, prompt) == {"stop": ["a", "b", "z"], "seed": 0}
    many = effective_options({"stop": [str(n) for n in range(16)]}, prompt)
    assert many["stop"] == [*(str(n) for n in range(16)), "a", "z"]


def test_how_much_a_context_shift_keeps_is_fixed_with_the_prompt(
    engine: FakeEngine, flusher: Flusher
) -> None:
    row = make_generation(options={"context_shift": True, "retain_tokens": 5})
    engine.prompt = PreparedPrompt(token_ids=[1, 2, 3], kept=2)
    claimed = claim_generation(worker=WORKER, models=["paced"])
    assert claimed is not None
    run = GenerationRun(claimed, flusher.hear)
    run.start(as_client(engine), "digest")
    assert engine.policy.shift
    assert engine.requests[run.request_id].shift == ContextShift(keep=2, retain=5)
    row.refresh_from_db()
    assert row.options["shift_keep"] == 2
    assert effective_options({"context_shift": True, "shift_keep": 9}, engine.prompt)["shift_keep"] == 9
