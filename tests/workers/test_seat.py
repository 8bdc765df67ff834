"""One generation's use of an engine, taken and left in different threads."""

from __future__ import annotations

from functools import partial

import pytest

from inference.types.errors import InferenceError
from tests.support.engine import paced_config
from tests.support.workers import make_offer
from tests.workers.conftest import MakePool
from workers.seat import Seat


def test_a_seat_of_a_loaded_model_counts_from_the_beginning(make_pool: MakePool) -> None:
    pool, left = make_pool(), list[str]()
    assert pool.count_seats(["a"]) == 2
    seat = Seat(pool, "a", partial(left.append, "left"))
    assert pool.count_seats(["a"]) == 1
    engine = seat.take()
    assert engine.users == 1
    seat.leave()
    assert (engine.users, left, pool.count_seats(["a"])) == (0, ["left"], 2)


def test_a_seat_may_be_left_before_its_model_is_loaded(make_pool: MakePool) -> None:
    pool, left = make_pool(make_offer(paced_config(model="b"))), list[str]()
    stays, goes = (Seat(pool, "b", partial(left.append, name)) for name in ("stays", "goes"))
    goes.leave()
    engine = stays.take()
    assert goes.take() is engine
    assert (engine.users, left) == (1, ["goes"]), "nobody stays who has left"
    stays.leave()
    assert (engine.users, left) == (0, ["goes", "stays"])


def test_a_seat_that_cannot_be_had_is_left_all_the_same(make_pool: MakePool) -> None:
    left = list[str]()
    seat = Seat(make_pool(), "nobody", lambda: left.append("left"))
    with pytest.raises(InferenceError, match="does not offer nobody"):
        seat.take()
    seat.leave()
    assert left == ["left"]
