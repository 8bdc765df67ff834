"""Everything a request can carry is checked here, before native code sees it."""

from __future__ import annotations

import msgspec

from inference.prompt.budget import check_length
from inference.types import GenerationRequest, InferenceError


def check_request(request: GenerationRequest, *, n_ctx: int, n_vocab: int) -> None:
    """Raises `InferenceError` (`invalid_request`, `context_length_exceeded`) for what cannot be run."""
    try:
        msgspec.convert(msgspec.to_builtins(request), GenerationRequest)
    except msgspec.ValidationError as error:
        raise InferenceError("invalid_request", f"The request is not valid: {error}.") from error
    if not request.prompt_ids:
        raise InferenceError("invalid_request", "The prompt is empty.")
    resumed = request.resume.token_ids if request.resume else []
    strange = next((id_ for id_ in (*request.prompt_ids, *resumed) if not 0 <= id_ < n_vocab), None)
    if strange is not None:
        raise InferenceError("invalid_request", f"Token {strange} is not in the model's vocabulary.")
    check_length(len(request.prompt_ids), n_ctx)
