"""A backend whose every token is known beforehand, at a set rate: an oracle for fault and scale tests.

Token *i* of a reply depends on the prompt's ids and *i* alone, so any attempt on any machine says the same.
A reply goes on until `max_tokens` unless the prompt's text holds a directive (the last of a kind counts):
`[[end after N]]` ends it after N tokens, `[[crash]]` and `[[crash after N]]` abort the process instead of
producing token N. `[[clock]]` makes each token say when it was made, for benchmarks: tenths of a millisecond
of the system-wide monotonic clock, modulo `CLOCK_WRAP`.
"""

from __future__ import annotations

import os
import re
import time
import zlib
from array import array
from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass

import numpy as np

from inference.backends.base import (
    SEPARATOR,
    DecodeError,
    Interrupted,
    PendingCopies,
    Pooling,
    Row,
    TokenSampler,
)
from inference.backends.interruption import Interruption
from inference.config import EngineConfig
from inference.types.events import Candidate, TokenLogprobs
from inference.types.requests import Adapter
from inference.types.sampling import SamplingParams

_VOCABULARY = """
amber birch cedar delta ember fjord grove heron island juniper kestrel lagoon meadow nectar orchid pebble
quartz river saffron thistle umber violet willow xenon yarrow zephyr naïve café straße 日本 мир 🙂
"""
WORDS = tuple(_VOCABULARY.split())
"""Each is one token, said with a space behind it."""

_FIRST_WORD = 256
_END = _FIRST_WORD + len(WORDS)
_FIRST_TIME = _END + 1
CLOCK_WRAP = 100_000
TOKEN_BYTES = array("i").itemsize
PACED_DIMENSIONS = 8
_NEVER = 1 << 62
_END_AFTER = re.compile(rb"\[\[end after (\d{1,9})\]\]")
_CLOCK = b"[[clock]]"
_CRASH = re.compile(rb"\[\[crash(?: after (\d{1,9}))?\]\]")


class PacedSampler:
    """What one prompt makes the backend say."""

    def __init__(self, prompt_ids: Sequence[int]) -> None:
        text = b"".join(map(_piece, prompt_ids))
        self._key = zlib.crc32(repr(list(prompt_ids)).encode())
        self._end_after = _last_number(_END_AFTER, text)
        self._crash_after = _last_number(_CRASH, text)
        self._tells_time = _CLOCK in text

    def token_at(self, position: int) -> int:
        """The reply's token at `position`, counting from 0."""
        if position >= self._end_after:
            return _END
        if self._tells_time:
            return _FIRST_TIME + round(time.monotonic() * 10_000) % CLOCK_WRAP
        draw = zlib.crc32(b"%d %d" % (self._key, position))
        return _FIRST_WORD + draw % len(WORDS)

    def crash_at(self, position: int) -> bool:
        """Whether the process must die instead of producing this token."""
        return position >= self._crash_after

    def accept(self, token_id: int) -> None:
        """Nothing to note: the position alone decides."""

    def close(self) -> None:
        """Nothing to free."""


class PacedEmbedder:
    """A token's vector depends on the token and its position alone. `held` is what each stream contains."""

    pooling: Pooling = "mean"
    splits = True
    streams = 4

    def __init__(self, n_ctx: int, n_batch: int) -> None:
        self.n_ctx = n_ctx
        self.n_batch = n_batch
        self.held = [0] * self.streams

    def compute(self, rows: Sequence[Row]) -> np.ndarray:
        """Vectors of noise. Positions are checked as a real runtime would."""
        for row in rows:
            if row.position != self.held[row.stream]:
                raise DecodeError(f"position {row.position} of stream {row.stream}")
            self.held[row.stream] += 1
        if len(rows) > self.n_batch or sum(self.held) > self.n_ctx:
            raise DecodeError(f"{len(rows)} rows on top of {sum(self.held) - len(rows)}")
        return np.stack([paced_vector(row.token_id, row.position) for row in rows])

    def clear(self) -> None:
        """Forget all positions."""
        self.held = [0] * self.streams

    def close(self) -> None:
        """Nothing to free."""


def paced_vector(token_id: int, position: int) -> np.ndarray:
    """What the oracle says of a token at a position."""
    noise = np.random.default_rng([token_id, position])
    return noise.normal(size=PACED_DIMENSIONS).astype(np.float32)


@dataclass(frozen=True)
class PacedState:
    """What a stream held, and with which adapter it was computed."""

    ids: bytes
    flavour: Adapter | None

    def __len__(self) -> int:
        return len(self.ids)


class PacedBackend:
    """See the module. Steps that sample come at `paced_rate` a second; prefill is free.

    Positions are checked as a real runtime would: a gap raises `DecodeError`. `held` is what each stream
    contains; a token counts as `TOKEN_BYTES` of state.
    """

    digest = "paced"
    chat_template: str | None = None
    bos_text = ""
    eos_text = ""
    control_texts: tuple[str, ...] = ()
    longest_piece = 1
    tile = 1
    can_generate = True
    can_draft = False
    can_shift = True
    n_vocab = _FIRST_TIME + CLOCK_WRAP

    def __init__(
        self,
        config: EngineConfig,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.device: str = config.device
        self.n_ctx = config.n_ctx
        self.n_batch = config.n_batch
        self._interval = 1 / config.paced_rate
        self.streams = config.streams
        self.held: list[list[int]] = [[] for _ in range(config.streams)]
        self.flavours: list[Adapter | None] = [None] * config.streams
        self._adapter: Adapter | None = None
        self.pending_copies = PendingCopies()
        self.interruption = Interruption()
        self._next_step_at = 0.0
        self._clock = clock
        self._sleep = sleep

    def tokenize(self, text: str) -> list[int]:
        """The text's UTF-8 bytes."""
        return list(text.replace(SEPARATOR, "").encode("utf-8", "replace"))

    def tokenize_input(self, text: str) -> list[int]:
        """As `tokenize`."""
        return self.tokenize(text)

    def piece(self, token_id: int) -> bytes:
        """A byte, or a word and a space."""
        return _piece(token_id)

    def spelling(self, token_id: int) -> bytes:
        """The same: its one control token has no name."""
        return _piece(token_id)

    def is_end(self, token_id: int) -> bool:
        """Whether the token is the one that `[[end after N]]` produces."""
        return token_id == _END

    def make_sampler(self, params: SamplingParams, prompt_ids: Sequence[int]) -> PacedSampler:
        """The oracle for one prompt; sampling parameters change nothing."""
        return PacedSampler(prompt_ids)

    def load_adapter(self, adapter: Adapter) -> None:
        """Any will do: an adapter changes nothing here, but `flavours` tells what was computed with which."""

    def use_adapter(self, adapter: Adapter | None) -> None:
        """Note it."""
        self._adapter = adapter

    def decode(self, rows: Sequence[Row]) -> None:
        """Check the rows and, when one is to be sampled from, wait for the next beat.

        An interruption comes after half of the rows.
        """
        computed = rows[: len(rows) // 2] if self.interruption.is_due else rows
        for row in computed:
            if row.position != len(self.held[row.stream]) or row.position >= self.n_ctx:
                raise DecodeError(f"position {row.position} of stream {row.stream}")
            if row.position == 0:
                self.flavours[row.stream] = self._adapter
            if self.flavours[row.stream] != self._adapter:
                raise DecodeError(f"stream {row.stream} was computed with another adapter")
            self.held[row.stream].append(row.token_id)
        self.pending_copies.settle()
        if len(computed) < len(rows):
            raise Interrupted
        if any(row.wants_logits for row in rows):
            self._wait()

    def sample(self, row: int, sampler: TokenSampler, position: int) -> int:
        """The token that the prompt's oracle has for this position."""
        if not isinstance(sampler, PacedSampler):
            raise TypeError("not a sampler of this backend")
        if sampler.crash_at(position):
            os.abort()
        return sampler.token_at(position)

    def logprobs(self, row: int, token_id: int, top: int) -> TokenLogprobs:
        """Always certain."""
        certain = Candidate(token_id=token_id, piece=_piece(token_id), logprob=0.0)
        return TokenLogprobs(chosen=certain, top=[certain][:top])

    def keep(self, stream: int, length: int) -> int:
        """Always keeps exactly what was asked for."""
        del self.held[stream][length:]
        return len(self.held[stream])

    def shift(self, stream: int, start: int, count: int) -> bool:
        """Always done."""
        del self.held[stream][start : start + count]
        return True

    def copy(self, source: int, target: int) -> None:
        """Exact, like everything here."""
        self.pending_copies.add(source, target)
        self.held[target] = list(self.held[source])
        self.flavours[target] = self.flavours[source]

    def state_size(self, stream: int) -> int:
        """So many bytes a token."""
        return TOKEN_BYTES * len(self.held[stream])

    def save(self, stream: int) -> Sized:
        """The token ids, as bytes."""
        self.pending_copies.check_save(stream)
        return PacedState(array("i", self.held[stream]).tobytes(), self.flavours[stream])

    def restore(self, stream: int, state: Sized) -> bool:
        """Put saved ids back."""
        self.pending_copies.check_restore(stream)
        if not isinstance(state, PacedState):
            raise TypeError("not a state of this backend")
        self.held[stream] = array("i", state.ids).tolist()
        self.flavours[stream] = state.flavour
        return True

    def make_embedder(self) -> PacedEmbedder:
        """An oracle for vectors, too."""
        return PacedEmbedder(self.n_ctx, self.n_batch)

    def close(self) -> None:
        """Nothing to free."""

    def _wait(self) -> None:
        now = self._clock()
        if self._next_step_at > now:
            self._sleep(self._next_step_at - now)
        # Late by more than a beat (idle, or a slow machine): start the rhythm anew instead of catching up.
        late = now - self._next_step_at > self._interval
        self._next_step_at = (now if late else self._next_step_at) + self._interval


def expected_text(prompt_ids: Sequence[int], n: int) -> str:
    """The first `n` tokens of the answer to a prompt, the same wherever and however often it is tried."""
    sampler = PacedSampler(prompt_ids)
    ids = [sampler.token_at(position) for position in range(n)]
    return b"".join(map(_piece, ids)).decode()


def _piece(token_id: int) -> bytes:
    if token_id < _FIRST_WORD:
        return bytes([token_id])
    if token_id < _END:
        return f"{WORDS[token_id - _FIRST_WORD]} ".encode()
    return b"" if token_id == _END else b"%d " % (token_id - _FIRST_TIME)


def _last_number(pattern: re.Pattern[bytes], text: bytes) -> int:
    found = pattern.findall(text)
    return int(found[-1] or 0) if found else _NEVER
