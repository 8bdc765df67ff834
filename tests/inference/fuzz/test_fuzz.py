"""Nothing a request can carry kills or stalls the engine, or hurts a neighbour. See `run` for longer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings

from inference.types.forms import GrammarSpec, ResponseFormat
from inference.types.requests import GenerationRequest
from inference.types.sampling import SamplingParams
from tests.inference.fuzz.requests import requests
from tests.inference.fuzz.target import Target

pytestmark = pytest.mark.slow  # engines of their own


@pytest.fixture(scope="module")
def target(gguf_path: Path) -> Iterator[Target]:
    target = Target(gguf_path)
    yield target
    target.close()


def plain(prompt_ids: list[int] | None = None, **options: object) -> GenerationRequest:
    params = SamplingParams(max_tokens=40, **options)  # type: ignore[arg-type]
    return GenerationRequest(
        request_id="x", prompt_ids=[1] if prompt_ids is None else prompt_ids, sampling=params
    )


LADDER = (
    "\n".join(f"r{step} ::= r{step + 1} | r{step + 1}" for step in range(60)) + '\nr60 ::= "a"\nroot ::= r0'
)
CREEPING = 'root ::= b root "x" | "y"\nb ::= c\nc ::= ""'
STRAY = {"type": "string", "pattern": "^(,)*a}$"}
EXPLODING = 'root ::= "a" root "b" | "a" root "c" | "a"'


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(request=requests())
@example(request=plain([]))
@example(request=plain([1] * 256))
@example(request=plain([-1]))
@example(request=plain(stop=("\ud800",)))
@example(request=plain(logit_bias={2**31 - 1: 1.0}))
@example(request=plain(logit_bias=dict.fromkeys(range(270), -100.0)))
@example(request=plain(grammar=GrammarSpec(gbnf=LADDER)))
@example(request=plain(grammar=GrammarSpec(gbnf=CREEPING)))
@example(request=plain(grammar=GrammarSpec(gbnf=EXPLODING), logit_bias={64: 100.0}))
@example(request=plain(grammar=GrammarSpec(gbnf="root ::= " + "(" * 9000)))
@example(request=plain(grammar=GrammarSpec(gbnf='root ::= "a"'), stop_token_ids=(64,)))
@example(request=plain(response_format=ResponseFormat(type="json_schema", schema=STRAY)))
@example(request=plain(dry_multiplier=10.0, dry_base=10.0, dry_sequence_breakers=("é" * 40, "\0")))
@example(
    request=plain(
        response_format=ResponseFormat(type="json_schema", schema={"type": "string", "minLength": 10**9})
    )
)
def test_the_engine_survives(target: Target, request: GenerationRequest) -> None:
    target.attack(request)
