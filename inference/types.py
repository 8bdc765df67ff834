"""The engine's vocabulary: requests in, events out.

Everything here is a msgspec Struct, so the same objects cross the socket pair to the engine's process
unchanged. Token ids are the model's own; text is always valid UTF-8 without U+0000.
"""

from __future__ import annotations

import secrets
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

Priority = Literal["interactive", "batch"]
SpeakerRole = Literal["system", "user", "assistant", "tool"]
PolicyKind = Literal["keep_all", "last_turns", "sliding_window", "compress"]
FinishReason = Literal["stop", "length", "cancelled", "timeout", "content_filter"]

MAX_TEMPLATE = 100_000
"""Characters of a chat template: the longest that models come with have a quarter of that."""
MAX_SEED = 2**32 - 1
DEFAULT_RESPONSE_MS = 600_000
MAX_FUNCTIONS = 128

StopString = Annotated[str, Meta(min_length=1, max_length=256)]
TokenId = Annotated[int, Meta(ge=0, le=2_147_483_647)]
Bias = Annotated[float, Meta(ge=-100, le=100)]
SequenceBreaker = Annotated[str, Meta(min_length=1, max_length=40)]


class GrammarSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A GBNF grammar (rule `root`) that the reply has to follow.

    Its rules may use `schema0`, `schema1` and so on, which stand for JSON that fits the `schemas`.

    With a `trigger` it is lazy: the reply is free until it says the trigger, and what comes *after* that
    follows the grammar to its end. The trigger's last character always ends a token.
    """

    gbnf: Annotated[str, Meta(min_length=1, max_length=65_536)]
    trigger: Annotated[str, Meta(max_length=256)] = ""
    schemas: Annotated[tuple[dict[str, Any], ...], Meta(max_length=MAX_FUNCTIONS)] = ()


class ResponseFormat(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The reply's form. `json_object` is any JSON object; `json_schema` follows `schema`.

    A strict `json_schema` reply is released only when it is whole and valid; one that is not is sampled anew
    a few times, and then fails as `invalid_output`. Otherwise the text streams and only the grammar binds it.
    """

    type: Literal["text", "json_object", "json_schema"] = "text"
    schema: dict[str, Any] | None = None
    strict: bool = True


class SamplingParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the next token is chosen, and when a reply ends.

    A temperature of 0 is greedy; a penalty of 1 (repeat) or 0 (presence, frequency) is off, as are
    top_k 0, top_p 1, min_p 0, typical_p 1, and 0 for top_n_sigma, xtc_probability, dry_multiplier,
    dynatemp_range and mirostat. The penalties look at the latest `repeat_last_n` tokens, DRY at
    `dry_penalty_last_n`, of prompt and reply. Mirostat replaces the other filters; its estimate starts
    afresh when a reply is resumed. `logit_bias` is added to the logits of single tokens. `ignore_eos` and
    `min_tokens` keep the model from ending the reply, stop strings still do. With `logprobs` each token
    comes with its probability before any of this, and with the `top_logprobs` likeliest alternatives.
    Of control tokens, which have no text, those among `spelled_ids` are spelt out.
    Several choices (`n`) are several requests: the prefix cache computes their prompt once.
    Without a seed one is drawn when the turn is stored.
    """

    temperature: Annotated[float, Meta(ge=0, le=5)] = 0.8
    dynatemp_range: Annotated[float, Meta(ge=0, le=5)] = 0.0
    dynatemp_exponent: Annotated[float, Meta(ge=0, le=10)] = 1.0
    top_k: Annotated[int, Meta(ge=0, le=1000)] = 40
    top_p: Annotated[float, Meta(ge=0, le=1)] = 0.9
    min_p: Annotated[float, Meta(ge=0, le=1)] = 0.1
    typical_p: Annotated[float, Meta(gt=0, le=1)] = 1.0
    top_n_sigma: Annotated[float, Meta(ge=0, le=100)] = 0.0
    xtc_probability: Annotated[float, Meta(ge=0, le=1)] = 0.0
    xtc_threshold: Annotated[float, Meta(ge=0, le=1)] = 0.1
    dry_multiplier: Annotated[float, Meta(ge=0, le=10)] = 0.0
    dry_base: Annotated[float, Meta(ge=1, le=10)] = 1.75
    dry_allowed_length: Annotated[int, Meta(ge=1, le=1000)] = 2
    dry_penalty_last_n: Annotated[int, Meta(ge=0, le=8192)] = 1024
    dry_sequence_breakers: Annotated[tuple[SequenceBreaker, ...], Meta(max_length=16)] = ("\n", ":", '"', "*")
    mirostat: Literal[0, 2] = 0
    mirostat_tau: Annotated[float, Meta(ge=0, le=20)] = 5.0
    mirostat_eta: Annotated[float, Meta(ge=0, le=1)] = 0.1
    repeat_penalty: Annotated[float, Meta(gt=0, le=10)] = 1.0
    presence_penalty: Annotated[float, Meta(ge=-2, le=2)] = 0.0
    frequency_penalty: Annotated[float, Meta(ge=-2, le=2)] = 0.0
    repeat_last_n: Annotated[int, Meta(ge=0, le=8192)] = 64
    logit_bias: Annotated[dict[TokenId, Bias], Meta(max_length=1024)] = {}
    seed: Annotated[int, Meta(ge=0, le=MAX_SEED)] | None = None
    max_tokens: Annotated[int, Meta(ge=1, le=1_000_000)] = 1000
    min_tokens: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    ignore_eos: bool = False
    stop: Annotated[tuple[StopString, ...], Meta(max_length=32)] = ()
    stop_token_ids: Annotated[tuple[TokenId, ...], Meta(max_length=64)] = ()
    spelled_ids: Annotated[tuple[TokenId, ...], Meta(max_length=16)] = ()
    logprobs: bool = False
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] = 0
    response_format: ResponseFormat = ResponseFormat()
    grammar: GrammarSpec | None = None


Params = TypeVar("Params", bound=SamplingParams)


def with_seed(params: Params) -> Params:
    """The same parameters; a seed is drawn when nobody chose one."""
    if params.seed is not None:
        return params
    return msgspec.structs.replace(params, seed=secrets.randbelow(MAX_SEED + 1))


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call that the assistant made; `arguments` is a JSON object as text."""

    id: str
    name: str
    arguments: str


class PromptMessage(msgspec.Struct, frozen=True):
    """One turn of the conversation as the chat template sees it. A `tool` message answers one call."""

    role: SpeakerRole
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""


class FunctionSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A function that the model may call. The arguments of a strict one follow `parameters` or nothing."""

    name: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_.-]{1,128}$")]
    description: Annotated[str, Meta(max_length=20_000)] = ""
    parameters: dict[str, Any] | None = None
    strict: bool = False


class ToolUse(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which functions a reply may call, or has to; `syntax` is how this model spells calls, once known."""

    functions: Annotated[tuple[FunctionSpec, ...], Meta(min_length=1, max_length=MAX_FUNCTIONS)]
    choice: Literal["auto", "required"] = "auto"
    parallel: bool = True
    syntax: str = ""


class ContextPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which messages of a long conversation the model gets to see.

    `keep_all`; `last_turns`: the latest `turns`, each beginning with a user's message; `sliding_window`;
    or `compress`: what the sliding window would drop is shortened to `compression_ratio` of its tokens,
    message by message, and dropped from the oldest on only where the window is still too small.

    `window` is the number of tokens that prompt and reply may have together, 0 for the model's own; of it
    `reply_tokens` are left free, but no more than a quarter. When it is full, `retain_tokens` are kept.
    With `shift` the prompt comes with what a `ContextShift` has to know of it.
    """

    kind: PolicyKind = "keep_all"
    turns: Annotated[int, Meta(ge=1, le=10_000)] = 10
    window: Annotated[int, Meta(ge=0, le=1_048_576)] = 0
    reply_tokens: Annotated[int, Meta(ge=0, le=1_048_576)] = 0
    retain_tokens: Annotated[int, Meta(ge=0, le=1_048_576)] = 2048
    compression_ratio: Annotated[float, Meta(gt=0, le=1)] = 0.7
    shift: bool = False


class ContextShift(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a reply goes on whose window is full: of what follows the first `keep` tokens of the prompt the
    oldest half is forgotten, and more where that leaves more than `retain` tokens.

    What stays was computed in sight of what is gone; only its positions are corrected. Where `keep` is more
    than three quarters of the window, or the model cannot do it, the reply ends as `length` all the same.
    """

    keep: Annotated[int, Meta(ge=0, le=1_048_576)]
    retain: Annotated[int, Meta(ge=0, le=1_048_576)] = 1_048_576


KEEP_ALL = ContextPolicy()


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    """What a context policy left out: whole messages, messages shortened, and the tokens of both."""

    messages: int = 0
    compressed: int = 0
    tokens: int = 0


class PreparedPrompt(msgspec.Struct, frozen=True, kw_only=True):
    """A rendered and tokenised conversation, with the stop strings its template implies.

    With tools: the `syntax` of calls, the grammar that binds them, and control tokens that take part in them.
    A remote model renders for itself: then there are `messages`, and no tokens.
    `written_ids` are the tokens of the part of the reply that exists already, if that was given.
    `window` is how many tokens prompt and reply may have together, 0 where that is not known. Where the
    policy asked for it, the template's beginning and the system prompt are the first `kept` tokens.
    """

    token_ids: list[int]
    stop: tuple[str, ...] = ()
    dropped: Dropped = Dropped()
    syntax: str = ""
    grammar: GrammarSpec | None = None
    spelled_ids: tuple[int, ...] = ()
    messages: list[PromptMessage] = []
    written_ids: list[int] = []
    window: int = 0
    kept: int = 0


class Resume(msgspec.Struct, frozen=True, kw_only=True):
    """What earlier attempts produced: every token sampled, and the text already released to readers.

    Of a remote model only the text is known.
    """

    token_ids: list[int]
    text: str


class Adapter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A LoRA adapter: a GGUF file on the worker's disk and, as its identity, the file's digest."""

    path: Annotated[str, Meta(min_length=1, max_length=4096)]
    digest: str = ""
    scale: Annotated[float, Meta(ge=0, le=10)] = 1.0


class GenerationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One sequence for the engine. `request_id` is unique per attempt; `time_limit_ms` runs from arrival.

    Requests of one `cache_key` (a chat session) share a cap on what is retained for them; any string will do.
    Without a `shift` a reply ends where the window does.
    For a remote `model` there are `messages` and `tools` instead of tokens, and perhaps the one `provider` to
    ask. One that is `doubted` was there when an engine or a worker was lost, and has said nothing since.
    """

    request_id: str
    prompt_ids: list[int]
    sampling: SamplingParams
    priority: Priority = "interactive"
    time_limit_ms: int = DEFAULT_RESPONSE_MS
    resume: Resume | None = None
    cache_key: str = ""
    shift: ContextShift | None = None
    adapter: Adapter | None = None
    messages: list[PromptMessage] = []
    tools: ToolUse | None = None
    model: str = ""
    provider: str = ""
    doubted: bool = False


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Token counts of one reply, all attempts together. `cached_tokens` are prompt tokens not computed;
    `discarded_tokens` were taken out of a full window by context shifts.
    """

    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    discarded_tokens: int = 0


class Timings(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds inside the engine for this attempt: waiting for a slot, prompt, and tokens."""

    wait_ms: float
    prefill_ms: float
    decode_ms: float


class Started(msgspec.Struct, frozen=True, kw_only=True, tag="started"):
    """The sequence has a slot; `cached_tokens` of its prompt were already in the KV cache."""

    request_id: str
    prompt_tokens: int
    cached_tokens: int


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A token that could have been next: its bytes, and the natural logarithm of its probability."""

    token_id: int
    piece: bytes
    logprob: float


class TokenLogprobs(msgspec.Struct, frozen=True, kw_only=True):
    """The token that was chosen, and the likeliest ones, best first."""

    chosen: Candidate
    top: list[Candidate]


class Delta(msgspec.Struct, frozen=True, kw_only=True, tag="delta"):
    """Newly sampled token ids and the text they release (empty while a character or stop string is open).

    `logprobs` has one entry for each id when they were asked for, else none. Without any ids it is a sign of
    life: a reply that is held back has begun.
    """

    request_id: str
    token_ids: list[int]
    text: str
    logprobs: list[TokenLogprobs] = []


class Finished(msgspec.Struct, frozen=True, kw_only=True, tag="finished"):
    """Terminal. `text` is what was held back and is now released.

    Of a remote model: which `provider` answered, and the names of the options it does not take.
    """

    request_id: str
    finish_reason: FinishReason
    usage: Usage
    timings: Timings
    text: str = ""
    provider: str = ""
    ignored: tuple[str, ...] = ()


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """Terminal. `code` is stable, `message` is a sentence for the user."""

    request_id: str
    code: str
    message: str
    retryable: bool = False


EngineEvent = Started | Delta | Finished | Failed


class Embeddings(msgspec.Struct, frozen=True, kw_only=True):
    """Vectors of length 1 as little-endian float32, one for each input; `tokens` is what all inputs had."""

    vectors: list[bytes]
    tokens: int


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


class InferenceError(Exception):
    """A request the engine refuses. `code` is stable; the message is a sentence for the user."""

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable
