"""Fixing what all attempts of a generation run on, at its first claim."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import QuerySet

from chat.models import Generation, GenerationChunk, GenerationStatus
from chat.selectors.prepared import Param, PreparedUpdate, params_of, row_of
from chat.services.generations.token_ids import pack_ids
from inference.counting import guess_tokens
from inference.types.context import Dropped
from inference.types.prompts import PreparedPrompt


def freeze_prompt(
    *,
    generation_id: UUID,
    attempt: int,
    prompt: PreparedPrompt,
    model_digest: str,
    options: dict[str, Any],
    has_begun: bool = False,
) -> bool:
    """Fix what this and every later attempt runs on. False when the attempt has lost its lease.

    Where the reply `has_begun` otherwise, the prompt's `written_ids` say the committed text: they replace
    the tokens it had, all in the first chunk. No text changes.
    """
    values: dict[str, Any] = {
        "prompt_ids": pack_ids(prompt.token_ids),
        "prompt_messages": msgspec.to_builtins(prompt.messages) or None,
        "prompt_tokens": len(prompt.token_ids) or guess_tokens(*(each.content for each in prompt.messages)),
        "dropped": msgspec.structs.asdict(prompt.dropped) if prompt.dropped != Dropped() else {},
        "context_length": prompt.window,
        "model_digest": model_digest,
        "options": options,
    }
    with transaction.atomic() if has_begun else nullcontext():
        frozen = _frozen.run(*values, id=generation_id, attempt=attempt, **values)
        if frozen and has_begun:
            chunks = GenerationChunk.objects.filter(generation_id=generation_id)
            chunks.filter(seq__gt=0).update(token_ids=b"")
            chunks.filter(seq=0).update(token_ids=pack_ids(prompt.written_ids))
    return bool(frozen)


@PreparedUpdate
def _frozen(*names: str) -> tuple[QuerySet[Generation], dict[str, Any]]:
    attempt = Param("attempt", Generation, "attempt")
    held = row_of(Generation).filter(attempt=attempt, status=GenerationStatus.RUNNING)
    return held, params_of(Generation, *names)
