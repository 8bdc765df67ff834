"""Prompts that begin alike are computed once, whoever holds the beginning and wherever it is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.backends.base import DecodeError
from inference.backends.paced.backend import PacedBackend
from inference.backends.paced.oracle import expected_text
from inference.engine.engine import Engine
from tests.support.engine import FakeClock, Recorder, drain, make_request, paced_config

SYSTEM = list(b"You are a heron. " * 20)


class Counting(PacedBackend):
    """Counts the rows it computes."""

    computed = 0

    def decode(self, rows: Any) -> None:
        super().decode(rows)
        self.computed += len(rows)


def make_engine(**changes: Any) -> tuple[Engine, Counting, Recorder]:
    config = paced_config(**changes)
    clock = FakeClock()
    backend = Counting(config, clock=clock, sleep=clock.sleep)
    return Engine(backend, config, clock=clock), backend, Recorder()


def check_books(engine: Engine, backend: PacedBackend) -> None:
    assert [stream.tokens for stream in engine._kv.streams] == backend.held
    for sequence in engine._scheduler.running:
        held = sequence.stream.tokens
        assert held == sequence.ids[: len(held)]
        assert sequence.stream.busy


def test_prompts_admitted_together_compute_their_common_prefix_once() -> None:
    engine, backend, seen = make_engine(slots=8)
    prompts = [[*SYSTEM, number] for number in range(8)]
    for number, prompt in enumerate(prompts):
        engine.submit(make_request(str(number), prompt, max_tokens=3), seen)
    drain(engine)
    assert backend.computed == len(SYSTEM) + 8 * 3
    assert seen.started("0").cached_tokens == 0
    for number, prompt in enumerate(prompts):
        assert seen.text(str(number)) == expected_text(prompt, 3)
        assert not number or seen.started(str(number)).cached_tokens == len(SYSTEM)


def test_a_prompt_that_shares_nothing_overtakes_one_that_waits_for_its_neighbour() -> None:
    engine, _, seen = make_engine(slots=3, n_batch=32)
    engine.submit(make_request("first", [*SYSTEM, 1], max_tokens=1), seen)
    engine.submit(make_request("second", [*SYSTEM, 2], max_tokens=1), seen)
    engine.submit(make_request("other", [7, 7], max_tokens=1), seen)
    engine.submit(make_request("late", [8, 8], max_tokens=1), seen)
    engine.step()
    assert seen.started("first")
    assert seen.started("other")
    assert not seen.events["second"]  # and its seat is kept for it:
    assert not seen.events["late"]
    drain(engine)
    assert seen.started("second").cached_tokens == len(SYSTEM)


def test_nobody_waits_for_a_neighbour_that_ends() -> None:
    engine, _, seen = make_engine(n_batch=32)
    engine.submit(make_request("first", [*SYSTEM, 1]), seen)
    engine.submit(make_request("second", [*SYSTEM, 2]), seen)
    engine.step()
    engine.cancel("first")
    drain(engine)
    assert seen.text("second") == expected_text([*SYSTEM, 2], 8)
    assert 0 < seen.started("second").cached_tokens < len(SYSTEM)


def test_regenerate_edit_and_branch_reuse_everything_up_to_the_fork() -> None:
    engine, _, seen = make_engine(slots=1)
    base = [*SYSTEM, *b"Question?"]
    engine.submit(make_request("answer", base, max_tokens=90), seen)
    drain(engine)
    edited = [*SYSTEM, *b"Other!" * 10]
    followed = [*base, *seen.token_ids("answer"), *b"And?"]
    for name, prompt, cached in [
        ("regenerated", base, len(base) - 1),
        ("edited", edited, len(SYSTEM)),
        ("followed", followed, len(base) + 89),
        ("edited again", [*edited, 1], len(edited)),
    ]:
        engine.submit(make_request(name, prompt, max_tokens=40), seen)
        drain(engine)
        assert seen.started(name).cached_tokens == cached, name
        assert seen.text(name) == expected_text(prompt, 40)


def test_many_sessions_round_robin_over_few_slots_prefill_each_token_once() -> None:
    engine, backend, seen = make_engine(slots=2, retained_bytes=1 << 20)
    histories = [[*SYSTEM, *bytes([65 + number]) * 60] for number in range(8)]
    for turn in range(4):
        for number, history in enumerate(histories):
            name = f"{number}-{turn}"
            engine.submit(make_request(name, history, max_tokens=4, cache_key=str(number)), seen)
            drain(engine)
            check_books(engine, backend)
            assert seen.text(name) == expected_text(history, 4)
            history += [*seen.token_ids(name), *b"next"]
    # All that was ever said, the beginning they share once, and nothing of the last turn's last tokens.
    distinct = len(SYSTEM) + sum(len(history) - len(SYSTEM) - len(b"next") - 1 for history in histories)
    assert backend.computed == distinct


def test_lasting_gaps_between_running_streams_are_closed() -> None:
    engine, backend, seen = make_engine(slots=4, spare_streams=0)
    for name, tokens in [("a", 30), ("b", 3), ("c", 30), ("d", 30)]:
        engine.submit(make_request(name, [ord(name)] * 40, max_tokens=tokens), seen)
    for _ in range(15):
        engine.step()
        check_books(engine, backend)
    assert sorted(sequence.stream.index for sequence in engine._scheduler.running) == [0, 1, 2]
    drain(engine)
    for name in "acd":
        assert seen.text(name) == expected_text([ord(name)] * 40, 30)


def test_a_new_engine_does_not_believe_what_its_backend_still_holds() -> None:
    engine, backend, seen = make_engine()
    engine.submit(make_request("a", SYSTEM), seen)
    drain(engine)
    config = paced_config()
    Engine(backend, config)
    assert not any(backend.held)


branches = st.lists(st.sampled_from([b"aa", b"ab", b"c"]), min_size=1, max_size=4).map(
    lambda parts: list(b"".join(part * 20 for part in parts))
)
submits = st.tuples(
    st.just("submit"),
    branches,
    st.integers(1, 12),
    st.sampled_from(["interactive", "batch"]),
    st.sampled_from("xy"),
)
others = st.tuples(st.sampled_from(["cancel", "acknowledge"]), st.integers(0, 15)) | st.tuples(
    st.sampled_from(["step", "sleep"])
)


@settings(max_examples=150, deadline=None)
@given(
    operations=st.lists(submits | others, max_size=60),
    slots=st.integers(1, 3),
    spare=st.integers(0, 2),
    budget=st.sampled_from([0, 600, 1 << 20]),
    pauses=st.booleans(),
    share=st.integers(0, 2),
    flow_control=st.booleans(),
)
def test_whatever_is_shared_moved_or_evicted_every_text_is_the_oracles(
    operations: list[tuple[Any, ...]],
    slots: int,
    spare: int,
    budget: int,
    pauses: bool,
    share: int,
    flow_control: bool,
) -> None:
    config = paced_config(
        slots=slots,
        spare_streams=spare,
        retained_bytes=budget,
        batch_pauses=pauses,
        batch_share=share,
        n_batch=32,
    )
    clock = FakeClock()
    backend = PacedBackend(config, clock=clock, sleep=clock.sleep)
    engine = Engine(backend, config, clock=clock, flow_control=flow_control)
    seen = Recorder()
    prompts: list[list[int]] = []
    for operation in operations:
        match operation:
            case ("submit", prompt, tokens, priority, key):
                name = str(len(prompts))
                request = make_request(
                    name, prompt, max_tokens=tokens, priority=priority, cache_key=key, time_limit_ms=9000
                )
                engine.submit(request, seen)
                prompts.append(prompt)
            case ("cancel", number):
                engine.cancel(str(number))
            case ("acknowledge", number):
                engine.acknowledge(str(number), 5)
            case ("sleep",):
                clock.sleep(1.0)
            case _:
                engine.step()
        check_books(engine, backend)
    drain(engine)
    check_books(engine, backend)
    for number, prompt in enumerate(prompts):
        finished = seen.finished(str(number))
        assert seen.text(str(number)) == expected_text(prompt, finished.usage.completion_tokens)
        assert finished.usage.cached_tokens < len(prompt)
    assert engine.gauges().slots_busy == 0


class Flaky(Counting):
    """Refuses the batches with these numbers, after half of each has been computed."""

    refused: frozenset[int] = frozenset()
    batches = 0

    def decode(self, rows: Any) -> None:
        self.batches += 1
        if self.batches in self.refused:
            super().decode(rows[: len(rows) // 2])
            raise DecodeError("refused")
        super().decode(rows)


@settings(max_examples=60, deadline=None)
@given(st.lists(branches, min_size=1, max_size=6), st.frozensets(st.integers(1, 60)), st.integers(0, 2))
def test_batches_that_are_refused_spoil_no_books_and_no_text(
    prompts: list[list[int]], refused: frozenset[int], spare: int
) -> None:
    config = paced_config(slots=2, spare_streams=spare, n_batch=32)
    clock = FakeClock()
    backend = Flaky(config, clock=clock, sleep=clock.sleep)
    backend.refused = refused
    engine, seen = Engine(backend, config, clock=clock), Recorder()
    for number, prompt in enumerate(prompts):
        engine.submit(make_request(str(number), prompt), seen)
    while engine.step():
        check_books(engine, backend)
    for number, prompt in enumerate(prompts):
        assert len(seen.ends(str(number))) == 1
        tokens = len(seen.token_ids(str(number)))
        assert seen.text(str(number)) == expected_text(prompt, tokens)
        assert tokens == 8 or refused


@pytest.mark.parametrize("spare", [0, 2])
def test_the_books_agree_after_a_copy_that_the_runtime_could_not_use(spare: int) -> None:
    engine, backend, seen = make_engine(slots=2, spare_streams=spare)
    engine.submit(make_request("a", [*SYSTEM, 1], max_tokens=20), seen)
    engine.step()
    engine.submit(make_request("b", [*SYSTEM, 2], max_tokens=20), seen)
    engine.step()
    engine.cancel("b")
    engine.submit(make_request("c", [*SYSTEM, 3], max_tokens=20), seen)
    while engine.step():
        check_books(engine, backend)
    assert seen.text("c") == expected_text([*SYSTEM, 3], 20)
