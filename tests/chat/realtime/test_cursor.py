from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from chat.realtime.cursor import ChunkWindow
from chat.realtime.protocol.events import DeltaEvent


def delta(seq: int) -> DeltaEvent:
    return DeltaEvent(generation_id="g", message_id="m", seq=seq, text=str(seq))


def seqs(deltas: list[DeltaEvent] | None) -> list[int] | None:
    return None if deltas is None else [item.seq for item in deltas]


def test_verdicts() -> None:
    window = ChunkWindow()
    assert window.offer(delta(0)) == "forward"
    assert window.offer(delta(0)) == "repeat"
    assert window.offer(delta(2)) == "gap"
    assert window.last == 0


def test_a_window_that_starts_late_sends_early_readers_to_the_database() -> None:
    window = ChunkWindow(last=4)
    assert window.after(4) == []
    assert window.after(3) is None
    window.offer(delta(5))
    assert seqs(window.after(4)) == [5]
    assert window.after(3) is None


def test_a_full_window_forgets_the_oldest() -> None:
    window = ChunkWindow(size=3)
    assert window.offer_all(delta(seq) for seq in range(10))
    assert window.after(5) is None
    assert seqs(window.after(6)) == [7, 8, 9]


def test_offering_several_stops_at_a_gap() -> None:
    window = ChunkWindow()
    assert not window.offer_all([delta(0), delta(2), delta(3)])
    assert window.last == 0


@given(st.lists(st.integers(0, 30), max_size=120), st.integers(-1, 30), st.integers(1, 8))
def test_whatever_arrives_a_reader_sees_every_number_once(
    arrivals: list[int], cursor: int, size: int
) -> None:
    """Doorbells lost, repeated and reordered; a gap is filled from the database, as the hub does."""
    committed = [delta(seq) for seq in range(31)]
    window, seen, at = ChunkWindow(size=size), list[int](), cursor
    for seq in [*arrivals, 30]:
        if window.offer(committed[seq]) == "gap":
            window.offer_all(committed[window.last + 1 : seq + 1])
        if random.random() < 0.5 or seq == 30:
            recent = window.after(at)
            fresh = committed[at + 1 : window.last + 1] if recent is None else recent
            seen += [item.seq for item in fresh]
            at = max(at, window.last)
    assert seen == list(range(cursor + 1, 31))
