"""Under a strict schema a reader gets a valid reply, whole, or one clear failure."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from inference.backends.paced.backend import PacedBackend
from inference.backends.paced.oracle import END
from inference.engine import output
from inference.engine.engine import Engine
from inference.engine.output import MAX_TRIES
from inference.types.forms import ResponseFormat
from inference.types.requests import GenerationRequest, Resume
from inference.types.sampling import SamplingParams
from tests.support.engine import FakeClock, Recorder, drain, make_request, paced_config

PROMPT = list(b"Say something")


class Scripted(PacedBackend):
    """Says what it was told to, one text for each try."""

    def __init__(self, *tries: str) -> None:
        super().__init__(paced_config())
        self.tries = list(tries)
        self.seeds: list[SamplingParams] = []
        self.decoded = 0

    def make_sampler(self, params: SamplingParams, prompt_ids: Any) -> Any:
        self.seeds.append(params)
        self.script = self.tries.pop(0).encode() if self.tries else b""
        return super().make_sampler(params, prompt_ids)

    def decode(self, rows: Any) -> None:
        self.decoded += len(rows)
        super().decode(rows)

    def sample(self, row: int, sampler: Any, position: int) -> int:
        return self.script[position] if position < len(self.script) else END


def ask(
    backend: Scripted, schema: dict[str, Any], *, strict: bool = True, partial: bool = False, **options: Any
) -> tuple[Recorder, Engine]:
    form = ResponseFormat(type="json_schema", schema=schema, strict=strict, partial=partial)
    seen, engine = Recorder(), Engine(backend, paced_config(), flow_control=True)
    settings: dict[str, Any] = {"max_tokens": 600, "response_format": form}
    engine.submit(make_request("a", PROMPT, **settings | options), seen)
    return seen, engine


def test_the_scripts_end_token_is_one() -> None:
    backend = Scripted("x")
    backend.make_sampler(SamplingParams(), PROMPT)
    assert backend.is_end(backend.sample(0, None, 1))


def test_a_valid_reply_comes_whole_and_at_once() -> None:
    seen, engine = ask(Scripted("[1, 2]"), {"type": "array"}, logprobs=True)
    drain(engine)
    (delta,) = seen.deltas("a")
    assert delta.text == "[1, 2]" == seen.text("a")
    assert len(delta.token_ids) == len(delta.logprobs) == 7
    assert seen.finished("a").finish_reason == "stop"
    assert seen.finished("a").usage.completion_tokens == 7


def test_an_invalid_reply_is_never_seen_and_tried_again_on_the_same_prompt() -> None:
    backend = Scripted("12", "3")
    seen, engine = ask(backend, {"type": "integer", "maximum": 9}, temperature=0)
    drain(engine)
    assert seen.text("a") == "3"
    kinds = [event.__class__.__name__ for event in seen.events["a"]]
    assert kinds == ["Started", "Delta", "Delta", "Finished"], (
        "the first is a sign of life, with nothing in it"
    )
    assert seen.finished("a").usage.completion_tokens == 2
    first, second = backend.seeds
    assert first.seed != second.seed
    assert (first.temperature, second.temperature) == (0, 0.5)
    assert backend.decoded == len(PROMPT) + 2 + 1 + 1  # the second try computes the prompt's last token


def test_after_the_last_try_there_is_one_clear_failure() -> None:
    backend = Scripted(*["12"] * 5)
    seen, engine = ask(backend, {"type": "integer", "maximum": 9})
    drain(engine)
    assert seen.failed("a").code == "invalid_output"
    assert not seen.failed("a").retryable
    assert seen.text("a") == ""
    assert len(backend.seeds) == MAX_TRIES
    assert len({params.seed for params in backend.seeds}) == MAX_TRIES
    assert engine.gauges().slots_busy == 0


@pytest.mark.parametrize("text", ["", "[1", "NaN", "[" * 5000, "1e999"])
def test_what_is_no_json_is_invalid(text: str) -> None:
    seen, engine = ask(Scripted(*[text] * 3), {"type": "integer", "multipleOf": 3}, max_tokens=6000)
    drain(engine)
    assert seen.failed("a").code == "invalid_output"


def test_a_long_reply_is_not_parked_before_it_can_be_acknowledged() -> None:
    text = json.dumps("x" * 500)
    seen, engine = ask(Scripted(text), {"type": "string"})
    drain(engine)
    assert seen.text("a") == text


def test_cut_short_by_its_length_it_is_invalid() -> None:
    seen, engine = ask(Scripted(*["[1, 2, 3]"] * 3), {"type": "array"}, max_tokens=4)
    drain(engine)
    assert seen.failed("a").code == "invalid_output"


def test_where_it_may_be_partial_it_ends_at_its_length_as_it_is() -> None:
    backend = Scripted("[1, 2, 3]")
    seen, engine = ask(backend, {"type": "array"}, partial=True, max_tokens=4, logprobs=True)
    drain(engine)
    assert (seen.text("a"), seen.finished("a").finish_reason) == ("[1, ", "length")
    (delta,) = seen.deltas("a")
    assert len(delta.token_ids) == len(delta.logprobs) == 4
    assert seen.finished("a").usage.completion_tokens == 4
    assert len(backend.seeds) == 1


def test_what_may_be_partial_has_to_fit_where_it_is_whole() -> None:
    seen, engine = ask(Scripted(*["12"] * 3), {"type": "integer", "maximum": 9}, partial=True)
    drain(engine)
    assert seen.failed("a").code == "invalid_output"


@pytest.mark.parametrize(
    ("partial", "seconds", "said", "reason"),
    [
        (True, 0, "[1, ", "cancelled"),
        (True, 2, "[1, ", "timeout"),
        (False, 0, "", "cancelled"),
        (False, 2, "", "timeout"),
    ],
)
def test_what_was_said_until_it_was_cut_off_comes_where_it_may_be_partial(
    partial: bool, seconds: float, said: str, reason: str
) -> None:
    backend, clock, seen = Scripted("[1, 2, 3]"), FakeClock(), Recorder()
    engine = Engine(backend, paced_config(), flow_control=True, clock=clock)
    form = ResponseFormat(type="json_schema", schema={"type": "array"}, partial=partial)
    engine.submit(make_request("a", PROMPT, response_format=form, time_limit_ms=1000), seen)
    for _ in range(4):
        engine.step()
    clock.now += seconds
    if not seconds:
        engine.cancel("a")
    drain(engine)
    assert (seen.text("a"), seen.finished("a").finish_reason) == (said, reason)


def test_cut_off_before_its_first_token_it_says_nothing() -> None:
    seen, engine = ask(Scripted("[1]"), {"type": "array"}, partial=True)
    engine.cancel("a")
    drain(engine)
    assert (seen.text("a"), seen.finished("a").finish_reason) == ("", "cancelled")


def test_cancelled_half_way_nothing_is_released() -> None:
    seen, engine = ask(Scripted("[1, 2, 3]"), {"type": "array"}, stop=("3, 4",))
    for _ in range(8):
        engine.step()
    engine.cancel("a")
    drain(engine)
    assert seen.finished("a").finish_reason == "cancelled"
    assert seen.text("a") == ""


def test_a_reply_that_was_released_is_not_checked_again() -> None:
    seen, engine = ask(Scripted(), {"type": "array"}, resume=Resume(token_ids=list(b"[1]"), text="[1]"))
    drain(engine)
    assert seen.finished("a").finish_reason == "stop"
    assert seen.text("a") == ""


def test_without_strictness_it_streams_unchecked() -> None:
    seen, engine = ask(Scripted("[1"), {"type": "array"}, strict=False)
    drain(engine)
    assert len(seen.deltas("a")) == 3
    assert seen.text("a") == "[1"


def test_alternatives_in_alternatives_do_not_take_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "MAX_CHECK_S", 0.05)
    schema: dict[str, Any] = {"$defs": {"d0": {"type": "integer", "minimum": 3}}}
    for depth in range(1, 40):
        below = {"$ref": f"#/$defs/d{depth - 1}"}
        schema["$defs"][f"d{depth}"] = {"anyOf": [below, below]}
    seen, engine = ask(Scripted(*["1"] * 3), schema | {"$ref": "#/$defs/d39"})
    drain(engine)
    assert seen.failed("a").code == "invalid_output"


def test_patterns_are_the_grammars_business() -> None:
    text = json.dumps("a" * 40 + "!")
    seen, engine = ask(Scripted(text), {"type": "string", "pattern": "^(a+)+$"})
    drain(engine)
    assert seen.text("a") == text


@pytest.mark.parametrize(
    ("schema", "reason"), [({"type": "integer", "minimum": "x"}, "'x'"), ({"type": "nonsense"}, "nonsense")]
)
def test_a_schema_that_is_none_is_refused(schema: dict[str, Any], reason: str) -> None:
    seen, engine = ask(Scripted(), schema)
    drain(engine)
    assert seen.failed("a").code == "invalid_schema"
    assert reason in seen.failed("a").message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ignore_eos": True}, "ignore_eos"),
        ({"min_tokens": 3}, "min_tokens"),
        ({"grammar": {"gbnf": 'root ::= "a"'}}, "cannot be combined"),
        ({"top_logprobs": 3}, "needs logprobs"),
        ({"logit_bias": {10_000_000: 1.0}}, "Token 10000000 is not in"),
        ({"stop_token_ids": (10_000_000,)}, "Token 10000000 is not in"),
        ({"response_format": {"type": "json_schema"}}, "needs a schema"),
    ],
)
def test_what_contradicts_itself_is_refused(options: dict[str, Any], message: str) -> None:
    seen, engine = Recorder(), Engine(PacedBackend(paced_config()), paced_config())
    sampling = msgspec.convert({"response_format": {"type": "json_object"}} | options, SamplingParams)
    engine.submit(GenerationRequest(request_id="a", prompt_ids=PROMPT, sampling=sampling), seen)
    drain(engine)
    assert message in seen.failed("a").message
