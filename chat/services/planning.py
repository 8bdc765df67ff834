"""What answers a message, and how: options, limits, provider and model of a reply that is to be made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.db.models import QuerySet

from chat.models import ChatSession, LanguageModel, User
from chat.selectors.limits import Limits, limits_of
from chat.selectors.prepared import Param, Prepared, read_as
from chat.selectors.providers import models_at
from chat.selectors.routing import Seat, chain_of, fallback_for, seats_of
from chat.selectors.workers import available_models, default_model, is_encoder, why_not_served
from chat.services.adapters import require_adapter
from chat.services.errors import Forbidden, InvalidOptions, Unavailable, UnknownModel
from chat.services.limits import refuse_model
from chat.services.moderation.inspecting import screen_input
from chat.services.moderation.rights import BYPASS
from chat.services.options import resolve_options
from inference.prompt import UNCOUNTED, WITHOUT_COUNTING

LOCAL = "LOCAL"
RETRY_AFTER_SECONDS = 60
KNOWN = ("architecture", "is_active")


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


def _provider(session: ChatSession) -> str:
    """The provider that alone is to be asked; empty for whichever serves the model."""
    return "" if session.llm_provider == LOCAL else session.llm_provider.lower()


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


def _choose_at(provider: str, model: str) -> str:
    served = models_at(provider)
    if not served:
        raise UnknownModel(
            "There is no provider named '%(provider)s' in use here: use %(local)s.",
            field="llm_provider",
            values={"provider": provider, "local": LOCAL},
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
    known = [read_as(LanguageModel, KNOWN, row) for row in _known.rows(slug=model)]
    row = known[0] if known else None
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


@Prepared
def _known() -> QuerySet[LanguageModel, Any]:
    return LanguageModel.objects.filter(slug=Param("slug", LanguageModel, "slug")).values_list(*KNOWN)


def _require_countable(model: str, policy: str) -> None:
    """Raises `InvalidOptions` for a policy that counts tokens, with a remote model."""
    if policy not in WITHOUT_COUNTING and LanguageModel.objects.filter(slug=model, is_remote=True).exists():
        raise InvalidOptions(UNCOUNTED, field="options.context_policy", values={"policy": policy})
