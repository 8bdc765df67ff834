"""The second half of a turn: the empty reply, its generation, and telling the session about them."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from chat.log_context import logged_as
from chat.models import ChatMessage, ChatSession, Generation, LanguageModel, MessageStatus, Role, User
from chat.queue import enqueue_generation
from chat.realtime.protocol.doorbells import Doorbell, session_group
from chat.realtime.protocol.events import GenerationQueued, MessageUpdate
from chat.realtime.publisher import publish
from chat.selectors.generations import next_event, queued_events
from chat.selectors.limits import Limits, limits_of
from chat.selectors.messages import message_view
from chat.selectors.providers import models_at, providers_of
from chat.selectors.routing import REMOTE, Seat, chain_of, choose_among, fallback_for, seats_of
from chat.selectors.waiting import QueueLoad
from chat.selectors.workers import (
    available_models,
    default_model,
    is_encoder,
    why_not_served,
)
from chat.services.adapters import require_adapter
from chat.services.admission import admit_turn
from chat.services.errors import Forbidden, InvalidOptions, Unavailable, UnknownModel
from chat.services.limits import refuse_model
from chat.services.moderation.inspecting import screen_input
from chat.services.moderation.rights import BYPASS
from chat.services.options import resolve_options
from inference.prompt import UNCOUNTED, WITHOUT_COUNTING

logger = logging.getLogger(__name__)

LOCAL = "LOCAL"
RETRY_AFTER_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A message, its reply and what makes the reply. `created` is False for a retry of an earlier request.

    `updates` and `queued` are what the session was told; a retry tells nobody anything.
    """

    message: ChatMessage
    reply: ChatMessage
    generation: Generation
    created: bool
    updates: tuple[MessageUpdate, ...] = ()
    queued: GenerationQueued | None = None


@dataclass(frozen=True, kw_only=True)
class ReplyPlan:
    """What makes a reply: `wanted` is the model asked for, `model` the one that is to answer, on `seats`."""

    options: dict[str, Any]
    limits: Limits
    provider: str
    wanted: str
    model: str
    seats: list[Seat]

    def for_choice(self, number: int) -> ReplyPlan:
        """The same with a seed of its own, which is the same at every repetition of a seeded request."""
        return replace(self, options=self.options | {"seed": (self.options["seed"] + number) % 2**32})


def plan_reply(*, user: User, session: ChatSession, given: dict[str, Any]) -> ReplyPlan:
    """Decide what answers, and how. Writes nothing. Raises a `ServiceError`."""
    options = resolve_options(
        given=given,
        session_settings=session.settings,
        system_prompt=session.system_prompt,
        chat_template=session.chat_template,
    )
    if not options["content_filter"] and not user.has_perm(BYPASS):
        raise Forbidden("You may not turn content_filter off.", field="options.content_filter")
    prompt = options["system_prompt"]
    if prompt != session.system_prompt:  # that one was looked at when it was written
        seen = screen_input(user=user, text=prompt, field="options.system_prompt")
        options["system_prompt"] = seen.text
    limits = limits_of(user)
    provider, wanted = _provider(session), _choose_model(session, limits)
    if not limits.allows(wanted):
        raise refuse_model(wanted)
    if limits.models is not None:
        options["fallback_models"] = [each for each in chain_of(wanted, options) if limits.allows(each)]
    model, seats = _choose_answering(wanted, options)
    if options["lora"]:
        require_adapter(model=wanted, slug=options["lora"])
    if model != wanted:
        options["lora"] = ""  # an adapter fits one model
    _require_countable(model, options["context_policy"])
    return ReplyPlan(
        options=options, limits=limits, provider=provider, wanted=wanted, model=model, seats=seats
    )


def queue_reply(
    *,
    plan: ReplyPlan,
    user: User,
    session: ChatSession,
    message: ChatMessage,
    estimated_tokens: int,
    new: list[ChatMessage],
    request_id: str | None = None,
    choice: int = 0,
    metadata: dict[str, Any] | None = None,
    is_stored: bool = True,
    is_told: bool = True,
) -> Turn:
    """Write the empty reply and its generation; once they are committed tell workers, and if `is_told` the
    session.

    `choice` counts the replies of one request to the same message, and `estimated_tokens` the prompt.
    """
    ahead = admit_turn(user=user, model=plan.model, tokens=estimated_tokens, limits=plan.limits)
    route = choose_among(plan.seats, plan.model, session_id=session.id)
    reply = ChatMessage.objects.create(
        session=session,
        parent=message,
        author=user,
        role=Role.ASSISTANT,
        status=MessageStatus.STREAMING,
        request_id=request_id,
        llm_provider=plan.provider or _answered_at(plan.model, plan.seats),
        llm_model=plan.model,
        metadata=metadata or {},
    )
    generation = Generation.objects.create(
        session=session,
        message=reply,
        user=user,
        model=plan.model,
        choice=choice,
        is_stored=is_stored,
        requested_model=plan.wanted if plan.model != plan.wanted else "",
        options=plan.options,
        provider=plan.provider,
        preferred_worker=route.worker,
        max_running=plan.limits.max_running,
        estimated_tokens=estimated_tokens,
    )
    with logged_as(generation_id=generation.id):
        logger.info("generation %s waits for %s", generation.id, plan.model)
    written = [*new, reply]
    ChatSession.objects.filter(id=session.id).update(
        title=session.title, message_count=F("message_count") + len(written), updated_at=timezone.now()
    )
    updates = [message_update(row, "new_message") for row in written] if is_told else []
    queued = _tell_place(generation, plan.seats, ahead) if is_told else None
    # The hint first: a worker has more to do about it than readers have about the news.
    transaction.on_commit(lambda: enqueue_generation(generation.id, plan.model, route))
    if queued is not None:
        tell_session(session.id, updates, queued)
    return Turn(
        message=message,
        reply=reply,
        generation=generation,
        created=True,
        updates=tuple(updates),
        queued=queued,
    )


def _require_countable(model: str, policy: str) -> None:
    """Raises `InvalidOptions` for a policy that counts tokens, with a remote model."""
    if policy not in WITHOUT_COUNTING and LanguageModel.objects.filter(slug=model, is_remote=True).exists():
        raise InvalidOptions(UNCOUNTED.format(policy=policy), field="options.context_policy")


def _choose_model(session: ChatSession, limits: Limits) -> str:
    if session.llm_provider != LOCAL:
        return _choose_at(_provider(session), session.llm_model)
    model = session.llm_model or _default_model(limits)
    if not model:
        raise UnknownModel("There is no model yet: add one with `manage.py model add`.", field="llm_model")
    return model


def _default_model(limits: Limits) -> str | None:
    """The default, or the first that may be used where that one may not."""
    model = default_model()
    if model is None or limits.allows(model):
        return model
    usable = [slug for slug in available_models() if limits.allows(slug) and not is_encoder(slug)]
    return next(iter(usable), model)


def _provider(session: ChatSession) -> str:
    """The provider that alone is to be asked; empty for whichever serves the model."""
    return "" if session.llm_provider == LOCAL else session.llm_provider.lower()


def _choose_at(provider: str, model: str) -> str:
    served = models_at(provider)
    if not served:
        raise UnknownModel(
            f"There is no provider named {provider!r} in use here: use {LOCAL}.", field="llm_provider"
        )
    if model and model not in served:
        raise UnknownModel(
            "%(provider)s serves no model named '%(model)s': choose another one.",
            field="llm_model",
            values={"provider": provider, "model": model},
        )
    return model or served[0]


def _choose_answering(wanted: str, options: dict[str, Any]) -> tuple[str, list[Seat]]:
    """The model that is to answer, and who offers it: the wanted one, or while that is gone a fallback."""
    seats = seats_of(wanted)
    _require_writer(wanted, is_offered=bool(seats))
    if seats:
        return wanted, seats
    model = fallback_for(wanted, options)
    if model != wanted:
        return model, seats_of(model)
    if reason := why_not_served(wanted):
        raise Unavailable(
            "No worker can load this model: %(reason)s",
            retry_after=RETRY_AFTER_SECONDS,
            values={"reason": reason},
        )
    return wanted, seats


def _require_writer(model: str, *, is_offered: bool) -> None:
    """Raises `UnknownModel` for one that writes no replies, or that nobody knows."""
    row = LanguageModel.objects.filter(slug=model).only("architecture", "is_active").first()
    if row is not None and row.is_encoder:
        raise UnknownModel(
            "%(model)s makes embeddings and writes no replies: choose another model.",
            field="llm_model",
            values={"model": model},
        )
    if not is_offered and (row is None or not row.is_active):
        raise UnknownModel(
            "There is no model named '%(model)s': choose another one.",
            field="llm_model",
            values={"model": model},
        )


def _answered_at(model: str, seats: list[Seat]) -> str:
    """Who is written down as the provider until one has answered: only remote models have another."""
    is_ours = any(seat.device != REMOTE for seat in seats)
    return LOCAL if is_ours else next(iter(providers_of(model)), LOCAL)


def _tell_place(generation: Generation, seats: list[Seat], ahead: QueueLoad) -> GenerationQueued:
    """Where it stands in the queue; nobody asks the database where nobody waits and a slot is free."""
    if not ahead.same_model and any(seat.free > 0 for seat in seats):
        return next_event(generation)
    (queued,) = queued_events([generation])
    return queued


def tell_session(session_id: UUID, updates: list[MessageUpdate], *queued: GenerationQueued) -> None:
    doorbell = Doorbell(events=[*updates, *queued])
    transaction.on_commit(lambda: publish(session_group(session_id), doorbell))


def message_update(
    message: ChatMessage, action: Literal["new_message", "updated", "deleted"]
) -> MessageUpdate:
    """The frame that tells of a message."""
    return MessageUpdate(session_id=str(message.session_id), action=action, message=message_view(message))
