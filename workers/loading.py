"""One model in memory, and how it gets there."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured

from inference.process import EngineClient
from inference.types.engines import EngineInfo
from inference.types.errors import InferenceError, Reason
from workers.config import Offer

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class LoadedEngine:
    """A model in memory. `users` are the generations and calls that run on it."""

    client: EngineClient
    info: EngineInfo
    need_bytes: int
    users: int = 0
    used_at: float = 0.0


def start_engine(
    offer: Offer, start: Callable[[EngineClient], EngineInfo] = EngineClient.start
) -> tuple[EngineClient, EngineInfo]:
    """The first of an offer's configurations that works. Raises the last one's `InferenceError`."""
    try:
        *others, last = offer.engines()
    except ImproperlyConfigured as error:
        why = Reason("The model cannot be used as it is: %(reason)s", {"reason": str(error)})
        raise InferenceError("model_load_failed", why) from error
    for config in others:
        engine = EngineClient(config)
        try:
            return engine, start(engine)
        except InferenceError as error:
            logger.warning("no engine on %s (%s), trying the next", config.device, error.message)
    engine = EngineClient(last)
    return engine, start(engine)
