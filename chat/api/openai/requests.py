"""From a request to its turn: made, made before, or looked up by the id that OpenAI's clients know."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from chat.api.auth import user_of
from chat.api.openai.errors import Refusal
from chat.api.turnstile import pass_through
from chat.models import Generation
from chat.realtime.database import in_database
from chat.selectors.programs import find_program_turn
from chat.services.errors import NotFound
from chat.services.idempotency import HEADER
from chat.services.programs import ProgramRequest, start_program_turn
from inference.types.errors import Reason

# Once accepted, a retry by the SDK would have the reply made twice; the reply itself can be fetched by id.
ACCEPTED = {"x-should-retry": "false"}
MAX_KEY_CHARS = 255


async def start_turn(request: HttpRequest, **asked: Any) -> list[Generation]:
    """Start what is asked for, once for each `Idempotency-Key`. Raises `Refusal` or a `ServiceError`."""
    try:
        return await in_database(start_program_turn)(
            user=user_of(request), request=ProgramRequest(**asked, **idempotency_of(request))
        )
    finally:
        pass_through(request)


def idempotency_of(request: HttpRequest) -> dict[str, Any]:
    """The request's `idempotency_key`, if it has one, and its `fingerprint`. Raises `Refusal`."""
    key = request.headers.get(HEADER, "")
    if len(key) > MAX_KEY_CHARS:
        why = Reason("%(name)s has at most %(most)s characters.", {"name": HEADER, "most": MAX_KEY_CHARS})
        raise Refusal(why, param=HEADER)
    fingerprint = hashlib.sha256(request.path.encode() + request.body).hexdigest()
    return {"idempotency_key": key or None, "fingerprint": fingerprint}


async def find_turn(request: HttpRequest, identity: str, *, prefix: str, kind: str) -> list[Generation]:
    """The caller's own stored turn. Raises `NotFound`."""
    generation_id = _uuid(identity.removeprefix(prefix)) if identity.startswith(prefix) else None
    rows = []
    if generation_id is not None:
        find = in_database(find_program_turn)
        rows = await find(user_id=user_of(request).id, generation_id=generation_id, kind=kind)
    if not rows:
        raise NotFound("There is nothing with the id '%(id)s'.", field="id", values={"id": identity[:100]})
    return rows


def last_cursor(request: HttpRequest, choices: int) -> list[int]:
    """Where a client that lost its stream had come to, choice by choice; nothing at its beginning."""
    given = request.headers.get("Last-Event-ID", "").strip()
    if not given:
        return []
    seqs = given.split(",")
    if len(seqs) != choices or not all(_is_seq(seq) for seq in seqs):
        raise Refusal("Last-Event-ID must be the id of one of this stream's events.", param="Last-Event-ID")
    return [int(seq) for seq in seqs]


def _is_seq(text: str) -> bool:
    return text == "-1" or (text.isascii() and text.isdigit() and len(text) < 10)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(hex=text) if len(text) == 32 else None
    except ValueError:
        return None
