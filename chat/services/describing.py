"""What a model writes about a session when it has nothing else to do: a title, and a summary.

Both are asked for after a reply has ended, on the path of batch lines, and nobody waits for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet

from chat.models import ChatMessage, ChatSession, Generation, GenerationStatus, LanguageModel
from chat.realtime.protocol.doorbells import Doorbell, session_group
from chat.realtime.protocol.events import SessionUpdate
from chat.realtime.publisher import publish
from chat.selectors.conversations import conversation_of
from chat.selectors.prepared import Param, Prepared
from chat.selectors.workers import default_model
from chat.services.batches import BackgroundResult, submit_background
from inference.types.prompts import PromptMessage

TITLE, SUMMARY = "title", "summary"
TITLE_CHARS = 60
MAX_SUMMARY_CHARS = 2000
QUESTION_CHARS, REPLY_CHARS = 600, 300
SUMMARISED_CHARS = 4000
QUOTES = "\"'“”„«»*#`. "

ASK_TITLE = (
    "Write a title of two to six words for the conversation below, in its language. "
    "Answer with the title alone, without quotation marks."
)
ASK_SUMMARY = (
    "Summarise the conversation below in at most four sentences, in its language: what was asked, and what "
    "was found. Answer with the summary alone."
)


def first_words(content: str) -> str:
    """The title of a session until a better one is known, cut from its first message."""
    return " ".join(content.split())[:TITLE_CHARS]


def ask_about(*, generation_id: UUID) -> None:
    """A reply has ended: ask for a title if it was the first, and for a summary if there is enough new."""
    if not _describable.rows(settings.AUTO_TITLES, settings.SUMMARY_EVERY, id=generation_id):
        return
    rows = Generation.objects.select_related("session__owner", "message__parent").defer("prompt_ids")
    generation = rows.filter(id=generation_id).first()
    model = _able_model(generation.model) if generation is not None else None
    if generation is None or model is None:
        return
    if settings.AUTO_TITLES:
        _ask_for_title(generation, model)
    if settings.SUMMARY_EVERY:
        _ask_for_summary(generation, model)


@Prepared
def _describable(titles: bool, summary_every: int) -> QuerySet[Generation, Any]:
    """The generation, if a title or a summary of its session may be wanted: mostly neither."""
    wanted = Q(pk__in=[])
    if titles:
        wanted |= Q(message__parent__parent=None)
    if summary_every:
        enough = F("session__summarised_messages") + summary_every
        wanted |= Q(session__message_count__gte=enough)
    ended = Generation.objects.filter(status=GenerationStatus.SUCCEEDED, session__is_hidden=False)
    return ended.filter(wanted, id=Param("id", Generation, "id")).values_list("id")


def take_title(result: BackgroundResult) -> None:
    """Give the session the title, unless somebody has named it meanwhile."""
    title = clean_title(result.text)
    question = ChatMessage.objects.filter(id=result.subject).first()
    if not title or question is None:
        return
    with transaction.atomic():
        session = ChatSession.objects.select_for_update().get(id=question.session_id)
        if session.title == first_words(question.content):
            ChatSession.objects.filter(id=session.id).update(title=title)
            tell_title(session.id, title)


def take_summary(result: BackgroundResult) -> None:
    """Write the summary into the session."""
    summary = " ".join(result.text.split())[:MAX_SUMMARY_CHARS]
    if summary:
        ChatSession.objects.filter(id=result.subject).update(summary=summary)


def tell_title(session_id: UUID, title: str) -> None:
    """Let those who look at the session know its name, once it is committed."""
    told = Doorbell(events=[SessionUpdate(session_id=str(session_id), title=title)])
    transaction.on_commit(lambda: publish(session_group(session_id), told))


def clean_title(said: str) -> str:
    """What a model said as a title: its first line without ornaments; empty where that is none."""
    line = next((line for line in said.splitlines() if line.strip()), "")
    title = " ".join(line.removeprefix("Title:").split()).strip(QUOTES)
    return title if 2 <= len(title) <= 2 * TITLE_CHARS else ""


def _ask_for_title(generation: Generation, model: str) -> None:
    question = generation.message.parent
    if question is None or question.parent_id is not None:
        return
    if generation.session.title != first_words(question.content):
        return
    reply = generation.message.content
    said = f"User: {question.content[:QUESTION_CHARS]}\n\nAssistant: {reply[:REPLY_CHARS]}"
    submit_background(
        user=generation.session.owner,
        purpose=TITLE,
        subject=str(question.id),
        model=model,
        messages=[
            PromptMessage(role="system", content=ASK_TITLE),
            PromptMessage(role="user", content=said),
        ],
        max_tokens=24,
        temperature=0.2,
    )


def _ask_for_summary(generation: Generation, model: str) -> None:
    session = generation.session
    if session.message_count < session.summarised_messages + settings.SUMMARY_EVERY:
        return
    spoken = [message for message in conversation_of(generation) if message.role != "system"]
    spoken.append(PromptMessage(role="assistant", content=generation.message.content))
    before = f"Summary so far: {session.summary}\n\n" if session.summary else ""
    with transaction.atomic():
        asked = submit_background(
            user=session.owner,
            purpose=SUMMARY,
            subject=str(session.id),
            model=model,
            messages=[
                PromptMessage(role="system", content=ASK_SUMMARY),
                PromptMessage(role="user", content=before + _latest(spoken)),
            ],
            max_tokens=200,
            temperature=0.2,
        )
        if asked:
            ChatSession.objects.filter(id=session.id).update(summarised_messages=session.message_count)


def _latest(spoken: Iterable[PromptMessage]) -> str:
    """The end of a conversation."""
    text = "\n\n".join(f"{message.role.capitalize()}: {message.content}" for message in spoken)
    return text[-SUMMARISED_CHARS:]


def _able_model(model: str) -> str | None:
    """One of our own that is large enough: the one that replied, or else the default one."""
    least = settings.DESCRIBING_MIN_MB << 20
    unfit = LanguageModel.objects.filter(Q(is_remote=True) | Q(size_bytes__lt=least))
    unable = set(unfit.values_list("slug", flat=True))
    return next((slug for slug in (model, default_model()) if slug and slug not in unable), None)
