"""Which model gets the next seat: order, preference and an end to every wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.services.generations import Head
from workers.choosing import PATIENCE_S, Room, choose_models

LOADED = Room(loaded=True)
FULL = Room(loaded=True, has_seat=False)
FITS = Room(loaded=False)
BLOCKED = Room(loaded=False, fits=False, victims=frozenset({"a"}))
SHORT, LONG = Head(0, 0.1), Head(0, PATIENCE_S)
BATCH, OLD_BATCH = Head(1, 0.1), Head(1, 10 * PATIENCE_S)


@pytest.mark.parametrize(
    ("rooms", "heads", "claimed"),
    [
        ({"a": LOADED, "b": FITS}, {}, ["a"]),
        ({"a": LOADED, "b": FITS}, {"b": SHORT}, ["b"]),
        ({"a": LOADED, "b": FITS}, {"a": SHORT, "b": SHORT}, ["a"]),
        ({"a": LOADED, "b": FITS}, {"a": SHORT, "b": LONG}, ["b"]),
        ({"a": LOADED, "b": FITS}, {"a": SHORT, "b": OLD_BATCH}, ["a"]),
        ({"a": LOADED, "b": FITS}, {"a": BATCH, "b": SHORT}, ["b"]),
        ({"a": LOADED, "b": BLOCKED}, {"b": SHORT}, ["a"]),
        ({"a": LOADED, "b": BLOCKED}, {"a": SHORT, "b": LONG}, []),
        ({"a": LOADED, "b": BLOCKED, "c": LOADED}, {"a": SHORT, "b": LONG}, ["c"]),
        ({"a": LOADED, "b": BLOCKED}, {"a": BATCH, "b": SHORT}, []),
        ({"a": FULL, "c": LOADED}, {}, ["c"]),
        ({"a": LOADED, "b": FITS, "c": FITS}, {"b": SHORT, "c": Head(0, 1)}, ["c"]),
    ],
)
def test_the_next_seat(rooms: dict[str, Room], heads: dict[str, Head], claimed: list[str]) -> None:
    assert choose_models(rooms, heads) == claimed


ROOMS = st.builds(
    Room, loaded=st.booleans(), has_seat=st.booleans(), fits=st.booleans(), victims=st.just(frozenset("ab"))
)
HEADS = st.builds(Head, st.integers(0, 1), st.floats(0, 100))


@given(st.dictionaries(st.sampled_from("abcd"), ROOMS), st.dictionaries(st.sampled_from("abcd"), HEADS))
def test_what_is_claimed_has_a_seat_or_can_be_loaded(rooms: dict[str, Room], heads: dict[str, Head]) -> None:
    heads = {slug: head for slug, head in heads.items() if slug in rooms}
    claimed = choose_models(rooms, heads)

    for slug in claimed:
        assert rooms[slug].has_seat if rooms[slug].loaded else rooms[slug].fits
    urgent = min((head.priority for head in heads.values()), default=None)
    for slug in claimed:
        if not rooms[slug].loaded:
            assert heads[slug].priority == urgent, "nothing is loaded while something more urgent waits"
