"""Who goes to the child when, without any child."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.process.ledger import TAKEN_TOKENS, Ledger
from inference.types.events import Delta, EngineEvent, Failed, Finished, Started, Timings, Usage
from inference.types.requests import GenerationRequest, Priority, Resume
from tests.support.engine import FakeClock, make_request


def ignore(event: EngineEvent) -> None:
    """An `emit`."""


def delta(request_id: str, token_id: int = 7, text: str = "x") -> Delta:
    return Delta(request_id=request_id, token_ids=[token_id], text=text)


def finished(request_id: str) -> Finished:
    return Finished(
        request_id=request_id,
        finish_reason="stop",
        usage=Usage(prompt_tokens=1, cached_tokens=0, completion_tokens=1),
        timings=Timings(wait_ms=0, prefill_ms=0, decode_ms=0),
    )


def names(requests: list[GenerationRequest]) -> list[str]:
    return [request.request_id for request in requests]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ledger(clock: FakeClock) -> Ledger:
    """With `a`, `b` and `c` running."""
    ledger = Ledger(clock)
    ledger.open()
    for name in "abc":
        ledger.add(make_request(name, [1, 2, 3]), ignore)
    assert names(ledger.admit()) == ["a", "b", "c"]
    return ledger


def test_nobody_is_admitted_before_a_child_is_ready() -> None:
    ledger = Ledger()
    ledger.add(make_request("a", [1]), ignore)

    assert ledger.admit() == []
    ledger.open()
    assert names(ledger.admit()) == ["a"]
    assert ledger.admit() == []


def test_after_a_crash_they_come_back_a_few_at_a_time(ledger: Ledger) -> None:
    assert ledger.crash() == []
    assert ledger.admit() == []
    ledger.open()

    assert names(ledger.admit()) == ["a"]
    assert ledger.admit() == []
    ledger.note(delta("a"))
    assert names(ledger.admit()) == ["b", "c"]
    ledger.note(finished("b"))
    ledger.add(make_request("x", [1]), ignore)
    assert ledger.admit() == []
    ledger.note(delta("c"))
    assert names(ledger.admit()) == ["x"]
    ledger.note(delta("x"))
    assert ledger.admit() == []
    ledger.add(make_request("d", [1]), ignore)
    ledger.add(make_request("e", [1]), ignore)
    assert names(ledger.admit()) == ["d", "e"], "caution ends with the last survivor"


def test_they_go_on_after_what_they_have_said_within_the_time_that_is_left(
    ledger: Ledger, clock: FakeClock
) -> None:
    ledger.note(delta("a", 11, "one "))
    ledger.note(delta("a", 12, ""))
    clock.sleep(2.5)
    ledger.crash()
    ledger.open()
    (request,) = ledger.admit()

    assert request.resume == Resume(token_ids=[11, 12], text="one ")
    assert request.time_limit_ms == 600_000 - 2_500
    ledger.note(delta("a", 13, "two"))
    untouched, _ = ledger.admit()
    assert untouched.resume is None


def test_what_an_earlier_attempt_said_is_part_of_it() -> None:
    ledger = Ledger()
    ledger.open()
    ledger.add(make_request("a", [1], resume=Resume(token_ids=[5], text="five ")), ignore)
    ledger.admit()
    ledger.note(delta("a", 6, "six"))
    ledger.crash()
    ledger.open()

    assert ledger.admit()[0].resume == Resume(token_ids=[5, 6], text="five six")


def test_started_is_heard_once(ledger: Ledger) -> None:
    started = Started(request_id="a", prompt_tokens=3, cached_tokens=1)

    assert ledger.note(started) is ignore
    ledger.crash()
    assert ledger.note(started) is None


def test_a_strangers_event_is_heard_by_nobody(ledger: Ledger) -> None:
    assert ledger.note(delta("z")) is None
    assert ledger.note(finished("a")) is ignore
    assert ledger.note(finished("a")) is None


def test_who_crashes_it_twice_on_trial_is_poison_and_the_others_are_not(ledger: Ledger) -> None:
    ledger.crash()
    ledger.open()
    ledger.admit()
    ledger.note(delta("a"))
    assert names(ledger.admit()) == ["b", "c"]
    assert ledger.crash() == [], "b and c are doubted, a had proved itself"
    ledger.open()
    assert names(ledger.admit()) == ["b"], "the doubted go first, and alone"
    assert ledger.crash() == []
    ledger.open()
    assert names(ledger.admit()) == ["b"]
    ((emit, event),) = ledger.crash()
    ledger.open()

    assert emit is ignore
    assert isinstance(event, Failed)
    assert (event.request_id, event.code, event.retryable) == ("b", "poison_request", False)
    assert names(ledger.admit()) == ["c"], "still doubted"
    ledger.note(delta("c"))
    assert names(ledger.admit()) == ["a"]


def test_a_sign_of_life_proves_a_reply_that_is_held_back_and_nobody_hears_it(ledger: Ledger) -> None:
    ledger.crash()
    ledger.open()
    ledger.admit()

    assert ledger.note(Delta(request_id="a", token_ids=[], text="")) is None
    assert names(ledger.admit()) == ["b", "c"]
    ledger.crash()
    ledger.open()
    assert all(request.resume is None for request in ledger.admit())


def test_who_would_find_no_seat_does_not_keep_the_others_waiting() -> None:
    ledger = Ledger(seats=2)
    ledger.open()
    for name in "abc":
        ledger.add(make_request(name, [1]), ignore)
    assert names(ledger.admit()) == ["a", "b", "c"]
    ledger.crash()
    ledger.open()

    assert names(ledger.admit()) == ["a"]
    ledger.note(delta("a"))
    assert names(ledger.admit()) == ["b"]
    ledger.note(delta("b"))
    assert ledger.admit() == []
    ledger.note(finished("a"))
    assert names(ledger.admit()) == ["c"]


def test_batch_requests_that_would_pause_wait_for_the_interactive_ones() -> None:
    ledger = Ledger(batch_pauses=True)
    ledger.open()
    ledger.add(make_request("line", [1], priority="batch"), ignore)
    ledger.add(make_request("a", [1]), ignore)
    assert names(ledger.admit()) == ["line", "a"]
    ledger.crash()
    ledger.open()

    assert names(ledger.admit()) == ["a"]
    ledger.note(delta("a"))
    assert ledger.admit() == []
    ledger.add(make_request("b", [1]), ignore)
    assert names(ledger.admit()) == ["b"], "nobody waits for the batch line"
    ledger.note(finished("a"))
    ledger.note(finished("b"))
    assert names(ledger.admit()) == ["line"]


@given(st.integers(1, 40), st.integers(1, 8), st.booleans(), st.data())
def test_whoever_is_poison_fails_and_nobody_else(
    count: int, seats: int, pauses: bool, data: st.DataObject
) -> None:
    poison = data.draw(st.sets(st.integers(0, count - 1), max_size=3))
    batch = data.draw(st.sets(st.integers(0, count - 1)))
    doubted = data.draw(st.sets(st.integers(0, count - 1)))
    failed: list[str] = []
    done: list[str] = []
    ledger = Ledger(seats=seats, batch_pauses=pauses)
    for number in range(count):
        priority: Priority = "batch" if number in batch else "interactive"
        ledger.add(make_request(str(number), [1], priority=priority, doubted=number in doubted), ignore)
    children = 1
    ledger.open()
    while admitted := names(ledger.admit()):
        if any(int(name) in poison for name in admitted):
            failed += [event.request_id for _, event in ledger.crash()]
            ledger.open()
            children += 1
        else:
            done += admitted
            for name in admitted:
                ledger.note(delta(name))
                ledger.note(finished(name))
    assert sorted(map(int, [*done, *failed])) == list(range(count))
    assert sorted(map(int, failed)) == sorted(poison)
    assert children <= 1 + 4 * len(poison)


def test_who_waits_for_the_next_child_without_being_doubted_may_leave(ledger: Ledger) -> None:
    ledger.note(delta("a"))
    assert not ledger.is_parked("a"), "it runs"
    ledger.crash()
    assert all(map(ledger.is_parked, "abc"))
    ledger.open()
    assert not ledger.is_parked("b"), "its turn comes"
    assert names(ledger.admit()) == ["a"]
    ledger.crash()
    assert [name for name in "abc" if ledger.is_parked(name)] == ["b", "c"]
    assert not ledger.is_parked("z")


def test_who_comes_doubted_keeps_nobody_waiting_and_is_the_suspect(ledger: Ledger) -> None:
    for name in "de":
        ledger.add(make_request(name, [1], doubted=True), ignore)
    assert names(ledger.admit()) == ["d", "e"]
    ledger.add(make_request("f", [1]), ignore)
    assert names(ledger.admit()) == ["f"]
    ledger.note(delta("e"))
    ledger.crash()
    assert [name for name in "abcdef" if not ledger.is_parked(name)] == ["d"], "it has said nothing yet"
    ledger.open()
    assert names(ledger.admit()) == ["d"]
    assert ledger.crash() == [], "the first time alone"
    ledger.open()
    ledger.admit()
    ((_, event),) = ledger.crash()
    assert event.request_id == "d"


def test_cancelling_who_waits_ends_it_here(ledger: Ledger) -> None:
    ledger.note(delta("b", 9))
    ledger.crash()
    ((_, event),) = ledger.cancel("b")

    assert isinstance(event, Finished)
    assert (event.finish_reason, event.usage.completion_tokens) == ("cancelled", 1)
    assert ledger.cancel("b") == []


def test_a_cancel_that_died_with_the_child_is_honoured(ledger: Ledger) -> None:
    assert ledger.cancel("a") == [], "the child has it and will say so"
    ((_, event),) = ledger.crash()

    assert isinstance(event, Finished)
    assert (event.request_id, event.finish_reason) == ("a", "cancelled")


def test_dropped_requests_are_gone(ledger: Ledger) -> None:
    assert sorted(live.request.request_id for live in ledger.drop_all()) == ["a", "b", "c"]
    assert ledger.note(delta("a")) is None
    assert ledger.crash() == []


def test_tokens_are_acknowledged_many_at_a_time(ledger: Ledger) -> None:
    assert [ledger.take("a", TAKEN_TOKENS - 1), ledger.take("a", 3), ledger.take("a", 5)] == [
        0,
        TAKEN_TOKENS + 2,
        0,
    ]
    assert ledger.take("stranger", 1000) == 0
    ledger.crash()
    assert ledger.take("a", TAKEN_TOKENS - 1) == 0, "the next child counts anew"
