"""The runtime that keeps time, and the books of what its streams hold."""

from __future__ import annotations

import os
import time
from array import array
from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass

from inference.backends.base import SEPARATOR, DecodeError, Interrupted, PendingCopies, Row, TokenSampler
from inference.backends.interruption import Interruption
from inference.backends.paced.embedder import PacedEmbedder
from inference.backends.paced.oracle import CLOCK_WRAP, END, FIRST_TIME, PacedSampler, piece_of
from inference.config import EngineConfig
from inference.types.events import Candidate, TokenLogprobs
from inference.types.requests import Adapter
from inference.types.sampling import SamplingParams

TOKEN_BYTES = array("i").itemsize


@dataclass(frozen=True)
class PacedState:
    """What a stream held, and with which adapter it was computed."""

    ids: bytes
    flavour: Adapter | None

    def __len__(self) -> int:
        return len(self.ids)


class PacedBackend:
    """See `inference.backends.paced`. Steps that sample come at `paced_rate` a second; prefill is free.

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
    n_vocab = FIRST_TIME + CLOCK_WRAP

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
        return piece_of(token_id)

    def spelling(self, token_id: int) -> bytes:
        """The same: its one control token has no name."""
        return piece_of(token_id)

    def is_end(self, token_id: int) -> bool:
        """Whether the token is the one that `[[end after N]]` produces."""
        return token_id == END

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
        certain = Candidate(token_id=token_id, piece=piece_of(token_id), logprob=0.0)
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
