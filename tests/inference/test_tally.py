"""Counts of what an engine does add up."""

from __future__ import annotations

from inference.backends.paced.backend import PacedBackend
from inference.engine.engine import Engine
from inference.prompt import PromptMaker
from inference.tally import Tally
from inference.types.context import ContextPolicy
from inference.types.prompts import PromptMessage
from tests.support.engine import FakeClock, Recorder, drain, make_request, paced_config

PROMPT = list(b"hello " * 20)


def test_requests_and_prefixes_are_counted() -> None:
    config, clock, tally = paced_config(slots=1), FakeClock(), Tally()
    backend = PacedBackend(config, clock=clock, sleep=clock.sleep)
    engine = Engine(backend, config, clock=clock, listener=tally)
    for name in ("a", "b"):
        engine.submit(make_request(name, PROMPT, max_tokens=2), Recorder())
        drain(engine)
    engine.submit(make_request("c", [7] * 40, max_tokens=2), Recorder())
    engine.step()
    engine.cancel("c")
    drain(engine)
    totals = tally.totals()
    assert (totals.started, totals.first_tokens) == (3, 3)
    assert (totals.cache_hits, totals.cache_misses) == (1, 2)
    assert (totals.tokens_saved, totals.tokens_missing) == (119, 120 + 1 + 40)
    assert totals.outcomes == {"length": 2, "cancelled": 1}
    assert totals.completion_tokens == 5


def test_what_context_policies_leave_out_is_counted() -> None:
    config, tally = paced_config(), Tally()
    maker = PromptMaker(PacedBackend(config), 10_000, tally)
    messages = [PromptMessage(role="user", content="hello"), PromptMessage(role="user", content="again")]
    maker.prepare(messages, "", ContextPolicy(kind="last_turns", turns=2))
    assert tally.totals().contexts_cut == 0
    maker.prepare(messages, "", ContextPolicy(kind="last_turns", turns=1))
    totals = tally.totals()
    assert totals.contexts_cut == 1
    assert totals.tokens_dropped >= len("hello")
