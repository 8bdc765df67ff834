"""What an engine is asked in one attempt: the frozen prompt, and what earlier attempts have said."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec

from chat.services.generations import ClaimedGeneration, freeze_prompt
from chat.services.options import policy_from, sampling_from, shift_from, tools_from
from inference.interface import Engine
from inference.types.prompts import PreparedPrompt
from inference.types.requests import DEFAULT_RESPONSE_MS, Adapter, GenerationRequest, Resume
from inference.types.sampling import with_seed
from workers.database import OUTAGE, reconnect

logger = logging.getLogger(__name__)

RETRY_S = 0.2
OF_ONE_VOCABULARY: dict[str, Any] = {"logit_bias": {}, "stop_token_ids": [], "shift_keep": None}
"""Options that name or count tokens mean others in another model."""


def prepare(
    claimed: ClaimedGeneration, engine: Engine, digest: str, over: threading.Event
) -> ClaimedGeneration | None:
    """The claim with what the model of this `digest` runs on, frozen for all attempts.

    Another model may have begun. None when the lease was lost meanwhile. An outage of the database is waited
    for, until the attempt is `over`.
    """
    if claimed.model_digest == digest:
        return claimed
    is_another = claimed.prompt_ids is not None
    options = claimed.options | (OF_ONE_VOCABULARY if is_another else {})
    prompt = engine.prepare(
        claimed.messages,
        options.get("chat_template", ""),
        tools_from(options),
        policy_from(options),
        written=claimed.resume_text,
    )
    options = effective_options(options, prompt)
    freeze = partial(
        freeze_prompt,
        generation_id=claimed.id,
        attempt=claimed.attempt,
        prompt=prompt,
        has_begun=bool(claimed.resume_text) or is_another,
        model_digest=digest,
        options=options,
    )
    if not _insist(freeze, over):
        return None
    return replace(
        claimed,
        prompt_ids=prompt.token_ids,
        messages=prompt.messages,
        options=options,
        resume_ids=prompt.written_ids,
    )


def _insist(freeze: Callable[[], bool], over: threading.Event) -> bool:
    while not over.is_set():
        try:
            return freeze()
        except OUTAGE:
            logger.warning("a prompt waits for the database")
            reconnect()
            over.wait(RETRY_S)
    return False


def request_for(
    claimed: ClaimedGeneration,
    request_id: str,
    *,
    adapter: Adapter | None,
    released: str,
    elapsed_s: float,
) -> GenerationRequest:
    """The engine's request for a prepared claim.

    Of what earlier attempts said, `released` needs not be said again. The claim was `elapsed_s` ago.
    """
    resumes = bool(claimed.resume_ids or claimed.resume_text)
    limit_ms: int = claimed.options.get("max_response_time_ms", DEFAULT_RESPONSE_MS)
    return GenerationRequest(
        request_id=request_id,
        prompt_ids=claimed.prompt_ids or [],
        messages=[] if claimed.prompt_ids else claimed.messages,  # a remote model has no tokens
        tools=None if claimed.prompt_ids else tools_from(claimed.options),
        model=claimed.model,
        provider=claimed.provider,
        sampling=sampling_from(claimed.options),
        priority="batch" if claimed.priority else "interactive",
        time_limit_ms=max(1, limit_ms - round(1000 * (claimed.spent_s + elapsed_s))),
        cache_key=str(claimed.session_id),
        shift=shift_from(claimed.options),
        adapter=adapter,
        doubted=claimed.faults > 0,
        resume=Resume(token_ids=claimed.resume_ids, text=released) if resumes else None,
    )


def identity_of(model_digest: str, adapter: Adapter | None) -> str:
    """What a reply was begun with, so that nothing else goes on with it."""
    if adapter is None:
        return model_digest
    return hashlib.sha256(f"{model_digest}{adapter.digest}".encode()).hexdigest()


def effective_options(options: dict[str, Any], prompt: PreparedPrompt) -> dict[str, Any]:
    """The options a generation runs on for good: with a seed, with the template's own stop strings, and with
    what binds the calls of functions.
    """
    stops = dict.fromkeys([*options.get("stop", ()), *prompt.stop])
    fixed = {"stop": list(stops), "seed": with_seed(sampling_from(options)).seed}
    if options.get("context_shift") and options.get("shift_keep") is None:
        fixed["shift_keep"] = prompt.kept
    if prompt.syntax:
        fixed["tools"] = options["tools"] | {"syntax": prompt.syntax}
    if prompt.grammar is not None:
        fixed["grammar"] = msgspec.to_builtins(prompt.grammar)
        fixed["spelled_ids"] = list(prompt.spelled_ids)
    return {**options, **fixed}
