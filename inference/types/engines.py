"""What an engine tells of itself: what it is, how busy, and what it has done."""

from __future__ import annotations

import msgspec


class EngineInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a loaded engine is: sizes in tokens, `digest` the model's identity for resuming."""

    model: str
    digest: str
    backend: str
    device: str
    slots: int
    n_ctx: int
    n_vocab: int


STEP_MS_BOUNDS = (5, 10, 20, 50, 100, 150, 200, 250, 400, 1000)


class Gauges(msgspec.Struct, frozen=True, kw_only=True):
    """How busy an engine is. `kv_tokens` are those in the KV cache; `mean_step_ms` is over recent steps.

    `step_counts` are steps by duration: up to each of `STEP_MS_BOUNDS`, and longer. Host memory retains
    `retained_bytes`. Of `drafted_tokens` that prompt lookup guessed, `accepted_tokens` were right.
    `embedded_tokens` were computed for embeddings.
    """

    slots_busy: int = 0
    queued: int = 0
    kv_tokens: int = 0
    steps: int = 0
    mean_step_ms: float = 0.0
    step_counts: tuple[int, ...] = ()
    retained_bytes: int = 0
    retained_evictions: int = 0
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    embedded_tokens: int = 0


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine process has done since it was started, in the words of `inference.telemetry`.

    `wait_ms` and `ttft_ms` are sums over the requests that `started` and over `first_tokens`.
    """

    started: int = 0
    wait_ms: float = 0.0
    first_tokens: int = 0
    ttft_ms: float = 0.0
    completion_tokens: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    tokens_saved: int = 0
    tokens_missing: int = 0
    evicted: int = 0
    contexts_cut: int = 0
    contexts_shifted: int = 0
    tokens_dropped: int = 0
    outcomes: dict[str, int] = {}
