"""Few frames that say the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inference.process.gathering import GATHERED_TOKENS, Gathering
from inference.types.events import Delta, EngineEvent, Failed, Started
from tests.support.waiting import wait_until

Frames = list[list[EngineEvent]]


def started(request_id: str = "a") -> Started:
    return Started(request_id=request_id, prompt_tokens=1, cached_tokens=0)


def failed(request_id: str = "a") -> Failed:
    return Failed(request_id=request_id, code="engine_error", message="No.")


def delta(*token_ids: int, request_id: str = "a") -> Delta:
    text = "".join(f"{id_} " for id_ in token_ids)
    return Delta(request_id=request_id, token_ids=list(token_ids), text=text)


def test_start_first_token_and_end_come_at_once() -> None:
    frames: Frames = []
    gathering = Gathering(frames.append)
    for event in (started(), delta(1), delta(2), delta(3)):
        gathering(event)
    assert frames == [[started()], [delta(1)]]
    gathering(failed())
    assert frames[2:] == [[delta(2, 3), failed()]]
    assert not gathering.release()


def test_a_beat_tells_what_all_have_said() -> None:
    frames: Frames = []
    gathering = Gathering(frames.append)
    for name in "ab":
        for number in range(3):
            gathering(delta(number, request_id=name))
    assert gathering.release()
    assert frames[2:] == [[delta(1, 2, request_id="a"), delta(1, 2, request_id="b")]]
    assert not gathering.release()


def test_what_is_much_does_not_wait_for_the_beat() -> None:
    frames: Frames = []
    gathering = Gathering(frames.append)
    gathering(delta(0))
    for number in range(GATHERED_TOKENS):
        gathering(delta(number))
    assert frames[1:] == [[delta(*range(GATHERED_TOKENS))]]


def test_a_sign_of_life_is_passed_on() -> None:
    frames: Frames = []
    Gathering(frames.append)(delta())
    assert frames == [[delta()]]


def test_time_is_kept_while_anything_is_said() -> None:
    frames: Frames = []
    gathering = Gathering(frames.append)
    gathering.keep_time(0.001)
    for number in range(5):
        gathering(delta(number))
        told = number + 1
        wait_until(lambda told=told: len(frames) == told, what="a beat")  # type: ignore[misc]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["say", "end", "beat"])), max_size=300))
def test_nothing_is_lost_or_overtaken(moves: list[tuple[str, str]]) -> None:
    frames: Frames = []
    gathering = Gathering(frames.append)
    said: dict[str, list[int | str]] = {name: [] for name in "abc"}
    for number, (name, move) in enumerate(moves):
        if move == "beat":
            gathering.release()
        elif move == "say":
            said[name].append(number)
            gathering(delta(number, request_id=name))
        else:
            said[name].append("end")
            gathering(failed(name))
    gathering.release()
    heard: dict[str, list[int | str]] = {name: [] for name in "abc"}
    for event in (event for frame in frames for event in frame):
        heard[event.request_id] += event.token_ids if isinstance(event, Delta) else ["end"]
    assert heard == said
