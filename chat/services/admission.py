"""Who may join the queue. Beyond the bounds a turn is refused at once, with a time to come back."""

from __future__ import annotations

import math
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from chat.models import ACTIVE, Attachment, ChatMessage, Generation, User
from chat.selectors.generations import measure_pace
from chat.selectors.limits import Limits
from chat.selectors.prepared import Param, Prepared, read_as, row_of
from chat.selectors.threads import count_thread_characters
from chat.selectors.waiting import QueueLoad, queue_load
from chat.services.errors import QueueFull, TooManyRequests
from chat.services.limits import tokens_left
from chat.services.standing import require_good_standing
from inference.counting import BYTES_PER_TOKEN, guess_tokens

RETRY_AFTER_SECONDS = 5
LONGEST_RETRY_SECONDS = 120
STANDING = ("id", "suspension", "suspended_until")
QUEUE_LOCK = int.from_bytes(b"queue")


def admit_turn(*, user: User, model: str, tokens: int, limits: Limits) -> QueueLoad:
    """Let one more generation of about `tokens` prompt tokens wait for a model, within a transaction.

    Returns what waits already. Raises `TooManyRequests` at the user's own limits and `QueueFull` at
    everybody's.
    """
    # Turns of one user follow each other here, so that the limit holds across sessions.
    lock_in_good_standing(user)
    tokens_left(user, limits)
    limit = limits.max_queued
    if len(_unfinished.rows(limit, user=user.id)) >= limit:
        raise TooManyRequests(
            "%(most)s of your replies are waiting already: try again in %(seconds)s s.",
            retry_after=RETRY_AFTER_SECONDS,
            values={"most": limit, "seconds": RETRY_AFTER_SECONDS},
        )
    load = queue_load(model)
    if _is_half_full(load, tokens):
        _wait_for_others()
        load = queue_load(model)
    too_many = load.requests >= settings.MAX_QUEUED
    # A prompt that is large by itself may still wait alone.
    too_much = load.requests > 0 and load.tokens + tokens > settings.MAX_QUEUED_TOKENS
    if too_many or too_much:
        seconds = _seconds_until_room(model, load.same_model)
        raise QueueFull(
            "Too many people are waiting: try again in %(seconds)s s.",
            retry_after=seconds,
            values={"seconds": seconds},
        )
    return load


def _is_half_full(load: QueueLoad, tokens: int) -> bool:
    """Whether what others write at this moment could fill the queue, with one more."""
    requests, waiting_tokens = load.requests + 1, load.tokens + tokens
    return 2 * requests > settings.MAX_QUEUED or 2 * waiting_tokens > settings.MAX_QUEUED_TOKENS


def _wait_for_others() -> None:
    """From here to the end of the transaction one turn at a time joins the queue, so that its bounds hold."""
    if connection.vendor == "postgresql":  # SQLite writes one transaction at a time anyway
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [QUEUE_LOCK])


def lock_in_good_standing(user: User) -> None:
    """Lock the user's row until the transaction ends. Raises `AccountSuspended` if that happened just now."""
    (standing,) = _standing.rows(id=user.id)
    require_good_standing(read_as(User, STANDING, standing))


@Prepared
def _standing() -> QuerySet[User, Any]:
    return row_of(User).select_for_update(no_key=True).values_list(*STANDING)


@Prepared
def _unfinished(most: int) -> QuerySet[Generation, Any]:
    mine = Generation.objects.filter(user=Param("user", User, "id"), status__in=ACTIVE)
    return mine.order_by().values_list("id")[:most]


def estimate_tokens(message: ChatMessage) -> int:
    """About how long the prompt of a reply to `message` will be: what came before it was counted already."""
    before = message.parent.generations.order_by("-created_at").first() if message.parent else None
    context = before.prompt_tokens + before.completion_tokens if before is not None else 0
    if message.parent is not None and not context:  # a program's conversation, an import, a failed reply
        context = -(-count_thread_characters(message.parent.id) // BYTES_PER_TOKEN)
    texts = [message.content]
    if message.attachments:
        texts += Attachment.objects.filter(message=message).values_list("text", flat=True)
    return context + guess_tokens(*texts)


def _seconds_until_room(model: str, waiting: int) -> int:
    seconds = measure_pace().of(model).seconds_until_slot(waiting)
    return max(1, min(LONGEST_RETRY_SECONDS, math.ceil(seconds or RETRY_AFTER_SECONDS)))
