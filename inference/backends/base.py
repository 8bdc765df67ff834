"""What the engine asks of a model runtime. Two implementations: llama.cpp and a paced oracle."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import Literal, NamedTuple, Protocol

import numpy as np

from inference.backends.interruption import Interruption
from inference.types.events import TokenLogprobs
from inference.types.requests import Adapter
from inference.types.sampling import SamplingParams

Pooling = Literal["mean", "cls", "last"]

SEPARATOR = "\ufdd0"
"""A noncharacter that `tokenize` drops and no token spans: it keeps typed text from being a control token."""


class Row(NamedTuple):
    """One token of a step's batch. Rows arrive sorted by stream; `wants_logits` marks rows to sample from."""

    stream: int
    token_id: int
    position: int
    wants_logits: bool


class TokenSampler(Protocol):
    """The sampling state of one sequence: penalties and random draws."""

    def accept(self, token_id: int) -> None:
        """Take note of a token that is already part of the text (the prompt's, or a resumed attempt's)."""

    def close(self) -> None:
        """Free native memory. Safe to call twice."""


class Tokenizer(Protocol):
    """The part of a backend that prompt preparation needs. Safe from any thread.

    `control_texts` are the spellings of the model's control tokens, such as `<|im_end|>`.
    No token stands for more than `longest_piece` bytes of text.
    """

    chat_template: str | None
    bos_text: str
    eos_text: str
    control_texts: tuple[str, ...]
    longest_piece: int

    def tokenize(self, text: str) -> list[int]:
        """Token ids of rendered prompt text; control tokens are parsed, BOS is added once if wanted.

        `SEPARATOR` yields no token and none spans it.
        """

    def piece(self, token_id: int) -> bytes:
        """The raw bytes of one token; empty for control tokens."""

    def tokenize_input(self, text: str) -> list[int]:
        """Token ids of a text to embed: no control token is read from it, those that frame it are added."""


class PendingCopies:
    """Which streams take part in copies that the next decode will make."""

    def __init__(self) -> None:
        self._sources: set[int] = set()
        self._targets: set[int] = set()

    def add(self, source: int, target: int) -> None:
        """Note a copy."""
        self._sources.add(source)
        self._targets.add(target)

    def settle(self) -> None:
        """A decode has made them all."""
        self._sources.clear()
        self._targets.clear()

    def can_save(self, stream: int) -> bool:
        """Whether the stream's memory is what it claims to be."""
        return stream not in self._targets

    def can_restore(self, stream: int) -> bool:
        """Whether nobody still needs, or will overwrite, the stream's memory."""
        return stream not in self._targets and stream not in self._sources

    def check_save(self, stream: int) -> None:
        """Raises `ValueError` where `save` would be silently wrong."""
        if not self.can_save(stream):
            raise ValueError(f"stream {stream} waits for a copy")

    def check_restore(self, stream: int) -> None:
        """Raises `ValueError` where `restore` would be silently wrong."""
        if not self.can_restore(stream):
            raise ValueError(f"stream {stream} takes part in a copy")


class KVMemory(Protocol):
    """What a runtime can do with the contents of its streams. Engine's loop thread only.

    A copy is only noted: it happens inside the next successful `decode`. Until then its target cannot be
    saved, and neither side can be restored into; both raise `ValueError`, for the result would be silently
    wrong. Keeping, copying on and decoding are fine.
    """

    streams: int
    pending_copies: PendingCopies
    can_shift: bool
    """Whether what a stream holds can be moved to other positions."""

    def keep(self, stream: int, length: int) -> int:
        """Forget everything of a stream from position `length`; returns how much was kept (maybe 0)."""

    def shift(self, stream: int, start: int, count: int) -> bool:
        """Forget `count` positions from `start` on and move what follows up into their place; False, and
        nothing done, when it is refused. The move happens inside the next `decode`: what was moved must not
        be saved before.
        """

    def copy(self, source: int, target: int) -> None:
        """Make the target hold what the source holds, instead of what it held."""

    def state_size(self, stream: int) -> int:
        """Bytes that `save` would return."""

    def save(self, stream: int) -> Sized:
        """The stream's contents in host memory, for `restore`; its length is its size in bytes."""

    def restore(self, stream: int, state: Sized) -> bool:
        """Replace a stream's contents by what was saved; False, and an empty stream, when it is refused."""


class Embedder(Protocol):
    """A context of its own, in which tokens become vectors. Engine's loop thread only.

    Between two calls of `clear` it takes `n_ctx` rows of at most `streams` inputs, `n_batch` at a time. Where
    `splits`, an input may be computed in pieces; else all its rows belong in one call, for every token looks
    at every other.
    """

    n_ctx: int
    n_batch: int
    streams: int
    splits: bool
    pooling: Pooling

    def compute(self, rows: Sequence[Row]) -> np.ndarray:
        """One vector for each row, as an array of rows. Raises `DecodeError`."""

    def clear(self) -> None:
        """Forget all rows."""

    def close(self) -> None:
        """Free the context. Safe to call twice."""


class Backend(Tokenizer, KVMemory, Protocol):
    """A loaded model with `streams` independent streams of `n_ctx` positions each.

    Only the engine's loop thread may call `decode`, `sample`, samplers and the methods of `KVMemory`;
    `tokenize`, `piece` and `is_end` are safe from any thread.
    """

    digest: str
    device: str
    n_ctx: int
    n_vocab: int
    n_batch: int
    tile: int
    """So many tokens of a prompt are computed together, and part of them takes as long; 1 for no matter."""
    can_generate: bool
    """False of a model that makes embeddings and nothing else."""
    can_draft: bool
    """Whether it makes sense to compute guesses: they are cheap, and the wrong ones can be taken back."""
    interruption: Interruption

    def spelling(self, token_id: int) -> bytes:
        """The bytes of one token, of a control token those of its name."""

    def is_end(self, token_id: int) -> bool:
        """Whether the token ends a reply."""

    def make_sampler(self, params: SamplingParams, prompt_ids: Sequence[int]) -> TokenSampler:
        """A sampler for one sequence; `params.seed` is always set here."""

    def load_adapter(self, adapter: Adapter) -> None:
        """Read an adapter's file, once. Raises `InferenceError` when it does not belong to the model."""

    def use_adapter(self, adapter: Adapter | None) -> None:
        """Compute what is decoded from now on with this adapter, which is loaded, or with none."""

    def decode(self, rows: Sequence[Row]) -> None:
        """Run one batch of at most `n_batch` rows.

        Raises `DecodeError` when the runtime refuses it, and `Interrupted` when it was broken off: then each
        stream holds as many of its rows as were computed, and there are no logits.
        """

    def sample(self, row: int, sampler: TokenSampler, position: int) -> int:
        """Draw and accept the token after row number `row` of the last batch; `position` seeds the draw.

        Raises `InferenceError` when the request's own options leave no token to draw.
        """

    def logprobs(self, row: int, token_id: int, top: int) -> TokenLogprobs:
        """What the model itself thought of a token after that row, and of the `top` likeliest ones."""

    def make_embedder(self) -> Embedder:
        """Another context on the same weights. Raises `InferenceError` when there is none to be had."""

    def close(self) -> None:
        """Free the model. Safe to call twice."""


class DecodeError(Exception):
    """The runtime could not process a batch; the affected sequences must be dropped or recomputed."""


class Interrupted(Exception):  # noqa: N818
    """A decode was broken off because it was asked to; what it has computed is good."""
