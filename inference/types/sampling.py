"""How tokens are chosen, and when a reply ends."""

from __future__ import annotations

import secrets
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from inference.types.forms import GrammarSpec, ResponseFormat

MAX_SEED = 2**32 - 1
StopString = Annotated[str, Meta(min_length=1, max_length=256)]
TokenId = Annotated[int, Meta(ge=0, le=2_147_483_647)]
Bias = Annotated[float, Meta(ge=-100, le=100)]
SequenceBreaker = Annotated[str, Meta(min_length=1, max_length=40)]


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
