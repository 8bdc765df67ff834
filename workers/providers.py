"""What the remote engine knows of providers: rows of the database, and keys where they may be read."""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from chat.models import Provider, ProviderModel
from chat.selectors.providers import routes_of
from chat.services import provider_health
from chat.services.generations import take_stream
from chat.services.sealing import unseal
from inference.remote import RemoteEngine, Route
from inference.types.events import Delta, EngineEvent, Failed, Finished
from inference.types.prompts import PromptMessage
from inference.types.requests import GenerationRequest
from inference.types.sampling import SamplingParams, with_seed
from workers.database import OUTAGE, reconnect

logger = logging.getLogger(__name__)
T = TypeVar("T")

RETRY_S = 0.3
TRIAL_MS = 60_000


class ProviderDirectory:
    """A `Directory` in the database. While that is away calls go on, and what they came to is not noted."""

    def __init__(self) -> None:
        self._closed = threading.Event()

    def close(self) -> None:
        """Wait for the database no longer."""
        self._closed.set()

    def routes(self, model: str, provider: str) -> Sequence[Route]:
        """Who may be asked; waits for the database."""
        while True:
            try:
                return [make_route(row) for row in routes_of(model=model, provider=provider)]
            except OUTAGE:
                if self._closed.wait(RETRY_S):
                    return []
            finally:
                reconnect()

    def take_stream(self, route: Route, request_id: str) -> bool:
        """See `chat.services.generations`; while the database is away nobody is turned away."""
        generation_id, attempt = request_id.split(":")
        taken = self._try(
            lambda: take_stream(
                generation_id=UUID(generation_id), attempt=int(attempt), provider=route.provider
            )
        )
        return taken is not False

    def admit(self, route: Route) -> float:
        """See `provider_health`."""
        return self._try(lambda: provider_health.admit_call(served_id=UUID(route.id))) or 0.0

    def note_first_token(self, route: Route, latency_ms: float) -> None:
        """See `provider_health`."""
        self._try(lambda: provider_health.note_first_token(served_id=UUID(route.id), latency_ms=latency_ms))

    def note_success(self, route: Route) -> None:
        """See `provider_health`."""
        self._try(lambda: provider_health.note_success(served_id=UUID(route.id)))

    def note_failure(self, route: Route, *, message: str, rest_s: float | None) -> None:
        """See `provider_health`."""
        self._try(
            lambda: provider_health.note_failure(served_id=UUID(route.id), message=message, rest_s=rest_s)
        )

    def note_refusal(self, route: Route) -> None:
        """See `provider_health`."""
        self._try(lambda: provider_health.note_refusal(served_id=UUID(route.id)))

    def _try(self, ask: Callable[[], T]) -> T | None:
        try:
            return ask()
        except OUTAGE as error:
            logger.warning("the health of providers cannot be noted now: %s", error)
            return None
        finally:
            reconnect()


def make_route(row: ProviderModel) -> Route:
    """A row as the engine sees it, with the key."""
    provider = row.provider
    return Route(
        id=str(row.id),
        provider=provider.slug,
        model=row.remote_name,
        base_url=provider.base_url,
        api_key=_read_key(provider),
        continuation=provider.continuation,  # type: ignore[arg-type]  # the database checks it
        accepts=provider.accepts,
        connect_timeout_s=provider.connect_timeout_s,
        first_token_timeout_s=provider.first_token_timeout_s,
        idle_timeout_s=provider.idle_timeout_s,
    )


def _read_key(provider: Provider) -> str:
    """The key, or nothing: then the provider says that it wants one."""
    if provider.api_key_env:
        key = os.environ.get(provider.api_key_env, "")
        if not key:
            logger.warning("%s: the variable %s is not set here", provider.slug, provider.api_key_env)
        return key
    if not provider.sealed_api_key:
        return ""
    key = unseal(provider.sealed_api_key) or ""
    if not key:
        logger.error("%s: its key was sealed under another SECRET_KEY: set it again", provider.slug)
    return key


@dataclass(frozen=True)
class Trial:
    """What came of asking for a word: a text and how long its first token took, or a problem."""

    text: str
    latency_ms: float
    problem: str | None


class _TrialDirectory(ProviderDirectory):
    """One route, also of a provider that is disabled or rests; how it does is noted as ever."""

    def __init__(self, row: ProviderModel) -> None:
        super().__init__()
        self._row = row

    def routes(self, model: str, provider: str) -> Sequence[Route]:
        return [make_route(self._row)]

    def take_stream(self, route: Route, request_id: str) -> bool:
        return True

    def admit(self, route: Route) -> float:
        return 0.0


def try_provider(row: ProviderModel) -> Trial:
    """Ask a provider's model for a few words, once."""
    heard: queue.SimpleQueue[EngineEvent] = queue.SimpleQueue()
    engine = RemoteEngine(_TrialDirectory(row), rounds=1)
    engine.start()
    began = time.monotonic()
    try:
        engine.submit(_trial_request(), heard.put)
        first_ms, texts = 0.0, list[str]()
        while True:
            event = heard.get()
            if isinstance(event, Delta | Finished):
                first_ms = first_ms or (time.monotonic() - began) * 1000
                texts.append(event.text)
            if isinstance(event, Failed):
                return Trial("", 0.0, event.message)
            if isinstance(event, Finished):
                return Trial("".join(texts), first_ms, None)
    finally:
        engine.close()


def _trial_request() -> GenerationRequest:
    return GenerationRequest(
        request_id="trial",
        prompt_ids=[],
        sampling=with_seed(SamplingParams(max_tokens=8)),
        messages=[PromptMessage(role="user", content="Say hello.")],
        time_limit_ms=TRIAL_MS,
    )
