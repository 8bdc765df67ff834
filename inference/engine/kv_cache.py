"""Which stream of the KV cache holds which tokens, and how a new prompt comes by its prefix.

A prefix is found in place (an idle stream), copied (from any stream, also a running one) or restored (from
host memory). What a stream retains is saved before it is overwritten; see docs/decisions/004-kv-layout.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from inference.backends.base import KVMemory
from inference.engine.costs import Costs
from inference.engine.host_store import HostStore, Retained
from inference.engine.prefix import common_prefix, is_prefix
from inference.telemetry import Origin
from inference.types.requests import Adapter

WORTH_KEEPING = 32
WORTH_SHARE = 1 / 20
"""A tail that is shorter, or less of what has to be moved with it, is computed again if need be."""
MOST_TRIED = 8
"""Idle streams that are looked at for one that holds nothing of worth; of many all may hold much."""


@dataclass(eq=False, slots=True)
class Stream:
    """One window. `tokens` are those computed with `adapter`, by position; they outlive their sequence.

    Those from `shifted_at` on were computed in sight of others that are gone: they are of use to the sequence
    that runs here alone.
    """

    index: int
    tokens: list[int] = field(default_factory=list)
    busy: bool = False
    used_at: int = 0
    key: str = ""
    adapter: Adapter | None = None
    shifted_at: int | None = None

    def shares(self, ids: list[int]) -> int:
        """How many of the first ids it holds as anybody would compute them."""
        shared = common_prefix(self.tokens, ids)
        return shared if self.shifted_at is None else min(shared, self.shifted_at)

    def begins_with(self, ids: list[int]) -> bool:
        """Whether it shares all of the ids, told faster than how many."""
        is_whole = self.shifted_at is None or self.shifted_at >= len(ids)
        return is_whole and is_prefix(ids, self.tokens)


class Seating(NamedTuple):
    """A stream for a prompt, and where the prefix that it holds came from."""

    stream: Stream
    origin: Origin


class _Source(NamedTuple):
    """A place that holds the first `shared` ids of a prompt; `gain` is what using it saves, in tokens."""

    gain: float
    shared: int
    stream: Stream | None = None
    entry: Retained | None = None


class KVCache:
    """Seats at most `slots` sequences on the streams of a runtime."""

    def __init__(
        self,
        memory: KVMemory,
        *,
        slots: int,
        store: HostStore,
        costs: Costs,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self.streams = [Stream(index) for index in range(memory.streams)]
        self._memory = memory
        self._slots = slots
        self._costs = costs
        self._clock = clock
        self._uses = 0
        for stream in self.streams:
            memory.keep(stream.index, 0)

    @property
    def busy(self) -> int:
        """Number of seated sequences."""
        return sum(stream.busy for stream in self.streams)

    @property
    def free_seats(self) -> int:
        """How many more sequences may be seated."""
        return self._slots - self.busy

    @property
    def used(self) -> int:
        """Tokens held in streams, running and retained."""
        return sum(len(stream.tokens) for stream in self.streams)

    def available(self, ids: list[int], adapter: Adapter | None = None) -> int:
        """How many of the ids need no computing if they are seated now."""
        return self._best_source(ids, adapter).shared

    def seat(self, ids: list[int], key: str = "", adapter: Adapter | None = None) -> Seating:
        """A stream with as much of `ids` as it pays to reuse; there must be a free seat.

        What was computed with another adapter is of no use. At least the last id is left to compute, because
        its logits are needed.
        """
        if self.free_seats <= 0:
            raise ValueError("every slot is busy")
        source = self._best_source(ids, adapter)
        stream = self._choose_seat(source)
        origin = self._fill(stream, source)
        stream.busy, stream.key, stream.adapter = True, key, adapter
        return Seating(stream, origin if stream.tokens else "none")

    def release(self, stream: Stream) -> None:
        """Free the seat; its tokens stay for a later prompt, but for those that were shifted."""
        if stream.shifted_at is not None:
            self.truncate(stream, stream.shifted_at)
        self._uses += 1
        stream.used_at = self._uses
        stream.busy = False

    def truncate(self, stream: Stream, length: int) -> int:
        """Forget what follows `length`; returns the length really kept, maybe less than asked for."""
        kept = self._memory.keep(stream.index, length)
        del stream.tokens[kept:]
        if stream.shifted_at is not None and kept <= stream.shifted_at:
            stream.shifted_at = None
        return kept

    def take_over(self, stream: Stream, ids: list[int]) -> None:
        """Note how many of the ids an interrupted decode has computed; the last one's logits are needed."""
        stream.tokens = ids[: self._memory.keep(stream.index, len(ids) - 1)]

    def rewind(self, stream: Stream, ids: list[int]) -> None:
        """Forget what does not belong to `ids`, and the last of these, whose logits are needed."""
        self.truncate(stream, min(stream.shares(ids), len(ids) - 1))

    def shift(self, stream: Stream, start: int, count: int) -> None:
        """Forget `count` tokens from `start` on; what follows moves up, or is computed anew."""
        if self._memory.shift(stream.index, start, count):
            del stream.tokens[start : start + count]
            stream.shifted_at = start if stream.shifted_at is None else min(start, stream.shifted_at)
        else:
            self.truncate(stream, 0)

    def close_gap(self, running: Sequence[Stream], *, displaces: bool) -> bool:
        """Bring streams that compute together, given from the lowest, nearer to each other: the highest one
        moves into an idle stream between them. Where there is none, `displaces` lets a busy one that is not
        of them make room. False when nothing can be done.
        """
        top = running[-1]
        others = [each for each in self.streams[running[0].index : top.index] if each not in running]
        hole = next((stream for stream in others if not stream.busy), None)
        if hole is not None:
            self._move(top, hole)
            return True
        idle = next((stream for stream in self.streams if not stream.busy), None)
        if not (displaces and others) or idle is None:
            return False
        self._move(others[0], idle)
        return True

    def _move(self, source: Stream, target: Stream) -> None:
        """Into an idle stream. The two swap their indexes, so that a sequence keeps its `Stream`."""
        if self._is_precious(target, 0):
            self._save(target)
        self._memory.copy(source.index, target.index)
        self._memory.keep(source.index, 0)
        target.tokens = []
        target.index, source.index = source.index, target.index
        self.streams.sort(key=lambda stream: stream.index)

    def _can_restore(self) -> bool:
        pending = self._memory.pending_copies
        return any(pending.can_restore(stream.index) for stream in self.streams if not stream.busy)

    def _best_source(self, ids: list[int], adapter: Adapter | None) -> _Source:
        return max(self._sources(ids, adapter), key=lambda source: source.gain)

    def _sources(self, ids: list[int], adapter: Adapter | None) -> Iterator[_Source]:
        limit = len(ids) - 1
        yield _Source(0.0, 0)
        for stream in self.streams:
            shared = min(stream.shares(ids), limit) if stream.adapter == adapter else 0
            in_place = not stream.busy and not _is_worth_keeping(len(stream.tokens) - shared, stream)
            yield _Source(shared - (0 if in_place else self._costs.copy_tokens), shared, stream=stream)
        entry, shared = self.store.find(ids, adapter)
        if entry is not None and self._can_restore():
            shared = min(shared, limit)
            cost = self._costs.restore_tokens(len(entry.state))
            yield _Source(shared - cost, shared, entry=entry)

    def _choose_seat(self, source: _Source) -> Stream:
        """The source itself; or one that holds nothing of worth, where the source has a tail to keep."""
        pending = self._memory.pending_copies
        idle = sorted(
            (stream for stream in self.streams if not stream.busy),
            key=lambda stream: (not pending.can_restore(stream.index), bool(stream.tokens), stream.used_at),
        )
        others = (stream for stream in idle if stream is not source.stream)
        if source.stream not in idle:
            return next(others)
        if not self._is_precious(source.stream, source.shared):
            return source.stream
        # To save the tail costs no more than to save another stream, and no copy.
        oldest = islice(others, MOST_TRIED)
        return next((stream for stream in oldest if not self._is_precious(stream, 0)), source.stream)

    def _fill(self, stream: Stream, source: _Source) -> Origin:
        """Make the stream hold the shared prefix and nothing else."""
        if source.entry is not None:
            self.store.touch(source.entry)  # what is saved next must not push it out
        kept = source.shared if stream is source.stream else 0
        if self._is_precious(stream, kept):
            self._save(stream)
        origin: Origin = "stream"
        if source.entry is not None:
            origin = "store"
            self._restore(stream, source.entry, source.shared)
        elif source.stream is not None and source.stream is not stream:
            origin = "copy"
            self._memory.copy(source.stream.index, stream.index)
            stream.tokens = list(source.stream.tokens)
        self.truncate(stream, source.shared)
        return origin

    def _restore(self, stream: Stream, entry: Retained, shared: int) -> None:
        if not self._memory.pending_copies.can_restore(stream.index):
            self.truncate(stream, 0)
            return
        started_at = self._clock()
        restored = self._memory.restore(stream.index, entry.state)
        self._costs.saw_restore(len(entry.state), (self._clock() - started_at) * 1000)
        stream.tokens = list(entry.tokens) if restored else []
        if not restored or shared == len(entry.tokens):
            self.store.remove(entry)  # it is of no use, or this stream will soon hold more

    def _is_precious(self, stream: Stream, kept: int) -> bool:
        """Whether a stream holds much, after its first `kept` tokens, that no other place holds."""
        size = len(stream.tokens)
        if not _is_worth_keeping(size - kept, stream):
            return False
        most = stream.tokens[: int(size - _least_tail(stream)) + 1]
        others = (other for other in self.streams if other is not stream and other.adapter == stream.adapter)
        is_elsewhere = any(other.begins_with(most) for other in others)
        return not (is_elsewhere or self.store.covers(most, stream.adapter))

    def _save(self, stream: Stream) -> None:
        """Put a stream's contents into host memory, if they fit and are what they claim to be."""
        fits = self._memory.state_size(stream.index) <= self.store.budget
        if fits and self._memory.pending_copies.can_save(stream.index):
            state = self._memory.save(stream.index)
            self.store.put(Retained(list(stream.tokens), state, stream.key, stream.adapter))


def _is_worth_keeping(tail: int, stream: Stream) -> bool:
    return tail >= _least_tail(stream)


def _least_tail(stream: Stream) -> float:
    return max(WORTH_KEEPING, WORTH_SHARE * len(stream.tokens))
