"""Everything a request can carry is checked here, before native code sees it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from inference.prompt.budget import check_length
from inference.refusals import explain_refusal, find_contradiction
from inference.types.errors import InferenceError, Reason
from inference.types.requests import GenerationRequest


def check_form(request: msgspec.Struct) -> None:
    """Raises `InferenceError` for what could not be told to another process, or not be read there."""
    try:
        _decoder(type(request)).decode(msgspec.msgpack.encode(request))
    except msgspec.ValidationError as error:
        _, sentence = explain_refusal(error, type(request))
        raise _invalid(Reason("The request is not valid: %(problem)s", {"problem": sentence})) from error
    except (UnicodeEncodeError, OverflowError, TypeError, RecursionError) as error:
        raise _invalid("The request is not valid: it holds text or numbers without a form.") from error


@lru_cache(maxsize=8)
def _decoder(kind: type[msgspec.Struct]) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(kind)


def check_request(request: GenerationRequest, *, n_ctx: int, n_vocab: int) -> None:
    """Raises `InferenceError` for what cannot be run: `invalid_request`, `context_length_exceeded`, or
    `invalid_…` with the parameter's name for a token of it that the model does not have.
    """
    check_form(request)
    if not request.prompt_ids:
        raise _invalid("The prompt is empty.")
    _check_tokens(request, n_vocab)
    if contradiction := find_contradiction(request.sampling):
        raise _invalid(contradiction)
    check_length(len(request.prompt_ids), n_ctx)


def _check_tokens(request: GenerationRequest, n_vocab: int) -> None:
    params = request.sampling
    resumed = request.resume.token_ids if request.resume else []
    given = {
        "request": (*request.prompt_ids, *resumed),
        "logit_bias": params.logit_bias,
        "stop_token_ids": params.stop_token_ids,
    }
    for name, ids in given.items():
        strange = next((token_id for token_id in ids if not 0 <= token_id < n_vocab), None)
        if strange is not None:
            reason = Reason("Token %(token)s is not in the model's vocabulary.", {"token": strange})
            raise InferenceError(f"invalid_{name}", reason)


def _invalid(message: str | Reason) -> InferenceError:
    return InferenceError("invalid_request", message)
