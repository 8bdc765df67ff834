"""Few frames that say the same."""

from __future__ import annotations

from inference.process.gathering import GATHERED_S, GATHERED_TOKENS, Gathering
from inference.types.events import Delta, EngineEvent, Failed, Started
from tests.support.engine import FakeClock

STARTED = Started(request_id="a", prompt_tokens=1, cached_tokens=0)
FAILED = Failed(request_id="a", code="engine_error", message="No.")


def delta(*token_ids: int) -> Delta:
    return Delta(request_id="a", token_ids=list(token_ids), text="".join(f"{id_} " for id_ in token_ids))


def test_the_first_comes_at_once_and_the_rest_with_the_end() -> None:
    said: list[EngineEvent] = []
    gathering = Gathering(said.append, FakeClock())
    for event in (STARTED, delta(1), delta(2), delta(3)):
        gathering(event)
    assert said == [STARTED, delta(1)]
    gathering(FAILED)
    assert said == [STARTED, delta(1), delta(2, 3), FAILED]


def test_what_is_old_or_much_does_not_wait_for_the_end() -> None:
    said: list[EngineEvent] = []
    clock = FakeClock()
    gathering = Gathering(said.append, clock)
    gathering(delta(0))
    for number in range(GATHERED_TOKENS):
        gathering(delta(number))
    assert said[1:] == [delta(*range(GATHERED_TOKENS))]
    gathering(delta(7))
    clock.sleep(GATHERED_S)
    gathering(delta(8))
    assert said[2:] == [delta(7, 8)]


def test_a_sign_of_life_is_passed_on() -> None:
    said: list[EngineEvent] = []
    Gathering(said.append, FakeClock())(delta())
    assert said == [delta()]
