"""What host memory retains, and what it lets go first."""

from __future__ import annotations

from inference.engine.host_store import HostStore, Retained


def entry(tokens: list[int], key: str = "", size: int = 10) -> Retained:
    return Retained(tokens, bytes(size), key)


def test_the_longest_prefix_is_found_and_the_latest_of_equals() -> None:
    store = HostStore(100, 2)
    store.put(entry([1, 2, 3]))
    store.put(entry([1, 2, 4]))
    store.put(entry([7]))
    found, shared = store.find([1, 2, 9])
    assert found is not None
    assert (found.tokens, shared) == ([1, 2, 4], 2)
    assert store.find([5]) == (None, 0)


def test_the_least_recently_used_makes_room() -> None:
    store = HostStore(25, 2)
    one, two = entry([1]), entry([2])
    store.put(one)
    store.put(two)
    store.touch(one)
    store.put(entry([3]))
    assert store.covers([1])
    assert not store.covers([2])
    assert (store.used, store.evictions, len(store)) == (20, 1, 2)


def test_one_key_cannot_have_it_all() -> None:
    store = HostStore(1000, 2)
    store.put(entry([9], key="other"))
    for number in range(3):
        store.put(entry([number], key="mine"))
    assert not store.covers([0])
    assert store.covers([1])
    assert store.covers([9])
    for number in range(10, 14):
        store.put(entry([number]))
    assert len(store) == 7


def test_a_longer_entry_replaces_its_own_beginning() -> None:
    store = HostStore(100, 2)
    store.put(entry([1, 2]))
    store.put(entry([1, 2, 3]))
    assert (len(store), store.used, store.evictions) == (1, 10, 0)
    assert store.covers([1, 2])


def test_what_is_larger_than_the_budget_pushes_nobody_out() -> None:
    store = HostStore(15, 2)
    kept = entry([1])
    store.put(kept)
    store.put(entry([2], size=16))
    assert store.covers([1])
    assert not store.covers([2])
    store.remove(kept)
    store.remove(kept)
    assert store.used == len(store) == 0
