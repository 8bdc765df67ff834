"""Everything that can go wrong with a provider, each with one sentence for the user."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

from inference.remote.routes import Route
from inference.types.errors import STOPPED, InferenceError

BROKEN_S = 60.0
"""How long a provider rests that refuses our key, our account or its own model: a person has to act."""

SET_UP_WRONG = {
    401: ("provider_auth", "The provider {name} refused our key"),
    402: ("provider_credit", "Our account at the provider {name} has no credit left"),
    403: ("provider_auth", "The provider {name} refused us access"),
    404: ("provider_model_missing", "The provider {name} does not know {model}"),
}
MAX_REST_S = 3600.0
MAX_REASON = 300


class ProviderError(InferenceError):
    """`passing`: it may work in a moment. `at_fault`: the provider or its set-up is, not this request.

    `rest_s` is how long the provider should be left alone, where that is known. One that `waits_for_stream`
    ends only this attempt.
    """

    waits_for_stream = False

    def __init__(
        self,
        code: str,
        message: str,
        *,
        passing: bool = True,
        at_fault: bool = True,
        rest_s: float | None = None,
    ) -> None:
        super().__init__(code, message, retryable=passing)
        self.passing = passing
        self.at_fault = at_fault
        self.rest_s = rest_s


def unreachable(route: Route) -> ProviderError:
    """No connection."""
    message = f"The provider {route.provider} cannot be reached. Please try again."
    return ProviderError("provider_unreachable", message)


def too_slow(route: Route, seconds: float) -> ProviderError:
    """Connected, and silent."""
    message = f"The provider {route.provider} sent nothing for {seconds:g} s. Please try again."
    return ProviderError("provider_timeout", message)


def unreadable(route: Route) -> ProviderError:
    """Not what the protocol says, or only a part of it."""
    message = f"The provider {route.provider} sent an answer that cannot be read. Please try again."
    return ProviderError("provider_invalid", message)


def lost(route: Route) -> ProviderError:
    """It ended before its end."""
    message = f"The connection to the provider {route.provider} was lost. Please try again."
    return ProviderError("provider_interrupted", message)


def interrupted(model: str) -> ProviderError:
    """Something was said already, and nobody can go on after it."""
    message = (
        f"The provider of {model} was lost in the middle of this reply and cannot continue it. "
        "What it said is kept: please try again."
    )
    return ProviderError("provider_interrupted", message)


def resting(model: str, seconds: float) -> ProviderError:
    """All have failed lately, or asked to be left alone."""
    message = f"No provider of {model} answers just now. Please try again in {max(1, round(seconds))} s."
    return ProviderError("provider_resting", message, at_fault=False, rest_s=seconds)


def full(route: Route) -> ProviderError:
    """It has as many streams as it may."""
    message = f"The provider {route.provider} has no stream left. The reply will continue later."
    problem = ProviderError(STOPPED, message, at_fault=False)
    problem.waits_for_stream = True
    return problem


def nobody(model: str) -> ProviderError:
    """None is enabled."""
    message = f"No provider of {model} is enabled: choose another model, or ask an administrator."
    return ProviderError("no_provider", message, passing=False, at_fault=False)


def unsupported(route: Route, options: list[str]) -> ProviderError:
    """An option that must not be ignored silently."""
    names = ", ".join(options)
    message = f"The provider {route.provider} does not take {names}: leave it out, or choose another model."
    return ProviderError("unsupported_option", message, passing=False, at_fault=False)


def from_status(route: Route, status: int, body: bytes, retry_after: str = "") -> ProviderError:
    """The problem that an HTTP status, or the code of an error frame, tells of."""
    name, code, reason = route.provider, *_read_error(body, route.api_key)
    if status in SET_UP_WRONG:
        code, sentence = SET_UP_WRONG[status]
        message = f"{sentence.format(name=name, model=route.model)}: an administrator has to see to it."
        return ProviderError(code, message, passing=False, rest_s=BROKEN_S)
    if status == 429:
        return _rate_limited(name, read_retry_after(retry_after))
    if status == 408 or status >= 500:
        message = f"The provider {name} has failed (status {status}). Please try again."
        return ProviderError("provider_failed", message, rest_s=read_retry_after(retry_after))
    if code == "context_length_exceeded" or status == 413:
        message = f"This conversation is too long for the provider {name}."
        return ProviderError("context_length_exceeded", message, passing=False, at_fault=False)
    because = f": {reason}" if reason else f" (status {status})."
    return ProviderError(
        "provider_refused", f"The provider {name} refused the request{because}", passing=False, at_fault=False
    )


def read_retry_after(value: str) -> float | None:
    """Seconds, from a number or an HTTP date; None where there is neither."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(0.0, seconds), MAX_REST_S) if seconds == seconds else None


def _rate_limited(name: str, rest_s: float | None) -> ProviderError:
    when = f" in {max(1, round(rest_s))} s" if rest_s is not None else ""
    message = f"The provider {name} takes no more requests just now. Please try again{when}."
    return ProviderError("provider_rate_limited", message, rest_s=rest_s)


def _read_error(body: bytes, secret: str) -> tuple[str, str]:
    """The provider's own code and reason, without our key in it, or empty strings."""
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", ""
    error = told.get("error") if isinstance(told, dict) else None
    if isinstance(error, str):
        error = {"message": error}
    if not isinstance(error, dict):
        return "", ""
    reason = " ".join(str(error.get("message") or "").replace("\0", "").split())
    if secret:
        reason = reason.replace(secret, "…")
    reason = reason.encode(errors="replace").decode()[:MAX_REASON]
    return str(error.get("code") or ""), reason
