"""Prefixes that have no stream at the moment: saved KV contents in host memory, within a budget."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass

from inference.engine.prefix import common_prefix, is_prefix
from inference.types.requests import Adapter


@dataclass(frozen=True, eq=False, slots=True)
class Retained:
    """A saved stream: its tokens, the runtime's state for them, whose it is, and with which adapter."""

    tokens: list[int]
    state: Sized
    key: str
    adapter: Adapter | None = None

    def covers(self, other: Retained) -> bool:
        """Whether it begins with all that the other holds."""
        return self.adapter == other.adapter and is_prefix(other.tokens, self.tokens)


class HostStore:
    """Least recently used goes first, of one `cache_key` when that has its share, else of all.

    An entry whose tokens another begins with is of no use and is not kept.
    """

    def __init__(self, budget: int, per_key: int) -> None:
        self.budget = budget
        self.evictions = 0
        self.used = 0
        self._per_key = per_key
        self._entries: list[Retained] = []  # the least recently used first

    def __len__(self) -> int:
        return len(self._entries)

    def covers(self, tokens: list[int], adapter: Adapter | None = None) -> bool:
        """Whether an entry begins with all these tokens."""
        return any(entry.adapter == adapter and is_prefix(tokens, entry.tokens) for entry in self._entries)

    def find(self, ids: list[int], adapter: Adapter | None = None) -> tuple[Retained | None, int]:
        """The entry that shares the longest prefix with `ids`, the latest of several, and its length."""
        best, longest = None, 0
        for entry in reversed(self._entries):
            shared = common_prefix(entry.tokens, ids) if entry.adapter == adapter else 0
            if shared > longest:
                best, longest = entry, shared
        return best, longest

    def put(self, entry: Retained) -> None:
        """Keep an entry at the cost of older ones; one larger than the whole budget is not kept."""
        if len(entry.state) > self.budget:
            return
        for shorter in [old for old in self._entries if entry.covers(old)]:
            self.remove(shorter)
        siblings = [old for old in self._entries if old.key == entry.key] if entry.key else []
        for old in siblings[: max(0, len(siblings) - self._per_key + 1)]:
            self._evict(old)
        while self._entries and self.used + len(entry.state) > self.budget:
            self._evict(self._entries[0])
        self._entries.append(entry)
        self.used += len(entry.state)

    def touch(self, entry: Retained) -> None:
        """Note that an entry was used."""
        self._entries.remove(entry)
        self._entries.append(entry)

    def remove(self, entry: Retained) -> None:
        """Drop an entry that is no longer needed. Harmless if it has gone."""
        if entry in self._entries:
            self._entries.remove(entry)
            self.used -= len(entry.state)

    def _evict(self, entry: Retained) -> None:
        self.remove(entry)
        self.evictions += 1
