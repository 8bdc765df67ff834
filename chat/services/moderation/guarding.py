"""A model that looks at messages when it has nothing else to do: what it finds harmful becomes a case."""

from __future__ import annotations

import re
from uuid import UUID

from django.conf import settings
from django.db import transaction

from chat.models import BatchPriority, CaseSource, ChatMessage, Generation, GenerationStatus, Severity
from chat.services.batches import BackgroundResult, submit_background
from chat.services.moderation.opening import open_case
from inference.types.prompts import PromptMessage

GUARD = "guard"
LOOKED_AT_CHARS = 6000
VERDICTS = {"unsafe": 1.0, "safe": 0.0}
"""What guard models say that give no numbers."""
ANSWER = r'root ::= [ \n]? [ \n]? ("100" | [0-9] [0-9]? | "safe" | "unsafe")'
"""All that a guard model may say, so that any model answers with something that can be read."""

HIGH_SCORE = 0.9


def ask_guard(*, generation_id: UUID) -> None:
    """A reply has ended: let the guard model, if there is one, look at it and at what it answers."""
    if not settings.GUARD_MODEL:
        return
    rows = Generation.objects.select_related("user", "message__parent").defer("prompt_ids")
    found = rows.filter(id=generation_id, status=GenerationStatus.SUCCEEDED).first()
    if found is None:
        return
    for message in (found.message.parent, found.message):
        if message is not None and message.content and not message.is_hidden:
            submit_background(
                user=found.user,
                purpose=GUARD,
                subject=str(message.id),
                model=settings.GUARD_MODEL,
                messages=[
                    PromptMessage(role="system", content=settings.GUARD_PROMPT),
                    PromptMessage(role="user", content=message.content[:LOOKED_AT_CHARS]),
                ],
                priority=BatchPriority.LOW,
                max_tokens=8,
                grammar=ANSWER,
                temperature=0,
            )


def take_score(result: BackgroundResult) -> None:
    """Open a case where the score reaches the threshold."""
    score = read_score(result.text)
    if score is None or score < settings.GUARD_THRESHOLD:
        return
    with transaction.atomic():
        message = ChatMessage.objects.select_for_update().filter(id=result.subject).first()
        if message is not None and not message.is_hidden:
            open_case(
                message=message,
                source=CaseSource.CLASSIFIER,
                severity=Severity.HIGH if score >= HIGH_SCORE else Severity.MEDIUM,
                summary=f"{result.model}: {round(score * 100)} of 100",
                score=score,
            )


def read_score(said: str) -> float | None:
    """From 0 to 1: a number from 0 to 100 or a verdict, whichever the model says first; None without one."""
    found = re.search(r"\d+(?:\.\d+)?|unsafe|safe", said.lower())
    if found is None:
        return None
    word = found.group()
    return VERDICTS[word] if word in VERDICTS else min(1.0, float(word) / 100)
