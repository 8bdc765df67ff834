"""What the engine asks of a model runtime. Two implementations: llama.cpp and a paced oracle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from inference.types import SamplingParams, TokenLogprobs

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
    """

    chat_template: str | None
    bos_text: str
    eos_text: str
    control_texts: tuple[str, ...]

    def tokenize(self, text: str) -> list[int]:
        """Token ids of rendered prompt text; control tokens are parsed, BOS is added once if wanted.

        `SEPARATOR` yields no token and none spans it.
        """


class Backend(Tokenizer, Protocol):
    """A loaded model with `slots` independent streams of `n_ctx` positions each.

    Only the engine's loop thread may call `decode`, `sample`, `keep` and samplers; `tokenize`, `piece` and
    `is_end` are safe from any thread.
    """

    digest: str
    device: str
    n_ctx: int
    n_vocab: int
    n_batch: int

    def piece(self, token_id: int) -> bytes:
        """The raw bytes of one token; empty for control tokens."""

    def is_end(self, token_id: int) -> bool:
        """Whether the token ends a reply."""

    def make_sampler(self, params: SamplingParams, prompt_ids: Sequence[int]) -> TokenSampler:
        """A sampler for one sequence; `params.seed` is always set here."""

    def decode(self, rows: Sequence[Row]) -> None:
        """Run one batch of at most `n_batch` rows. Raises `DecodeError` when the runtime refuses it."""

    def sample(self, row: int, sampler: TokenSampler, position: int) -> int:
        """Draw and accept the token after row number `row` of the last batch; `position` seeds the draw.

        Raises `InferenceError` when the request's own options leave no token to draw.
        """

    def logprobs(self, row: int, token_id: int, top: int) -> TokenLogprobs:
        """What the model itself thought of a token after that row, and of the `top` likeliest ones."""

    def keep(self, stream: int, length: int) -> int:
        """Forget everything of a stream from position `length`; returns how much was kept (maybe 0)."""

    def close(self) -> None:
        """Free the model. Safe to call twice."""


class DecodeError(Exception):
    """The runtime could not process a batch; the affected sequences must be dropped or recomputed."""
