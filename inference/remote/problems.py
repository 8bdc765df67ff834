"""Everything that can go wrong with a provider, each with one sentence for the user."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

from inference.remote.routes import Route
from inference.types.errors import STOPPED, InferenceError, Reason, Value

BROKEN_S = 60.0
"""How long a provider rests that refuses our key, our account or its own model: a person has to act."""

SET_UP_WRONG = {
    401: "provider_auth",
    402: "provider_credit",
    403: "provider_auth",
    404: "provider_model_missing",
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
        message: str | Reason,
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
    message = Reason("The provider %(name)s cannot be reached. Please try again.", {"name": route.provider})
    return ProviderError("provider_unreachable", message)


def too_slow(route: Route, seconds: float) -> ProviderError:
    """Connected, and silent."""
    message = Reason(
        "The provider %(name)s sent nothing for %(seconds)s s. Please try again.",
        {"name": route.provider, "seconds": f"{seconds:g}"},
    )
    return ProviderError("provider_timeout", message)


def unreadable(route: Route) -> ProviderError:
    """Not what the protocol says, or only a part of it."""
    message = Reason(
        "The provider %(name)s sent an answer that cannot be read. Please try again.",
        {"name": route.provider},
    )
    return ProviderError("provider_invalid", message)


def lost(route: Route) -> ProviderError:
    """It ended before its end."""
    message = Reason(
        "The connection to the provider %(name)s was lost. Please try again.", {"name": route.provider}
    )
    return ProviderError("provider_interrupted", message)


def interrupted(model: str) -> ProviderError:
    """Something was said already, and nobody can go on after it."""
    message = Reason(
        "The provider of %(model)s was lost in the middle of this reply and cannot continue it. "
        "What it said is kept: please try again.",
        {"model": model},
    )
    return ProviderError("provider_interrupted", message)


def resting(model: str, seconds: float) -> ProviderError:
    """All have failed lately, or asked to be left alone."""
    message = Reason(
        "No provider of %(model)s answers just now. Please try again in %(seconds)s s.",
        {"model": model, "seconds": max(1, round(seconds))},
    )
    return ProviderError("provider_resting", message, at_fault=False, rest_s=seconds)


def full(route: Route) -> ProviderError:
    """It has as many streams as it may."""
    message = Reason(
        "The provider %(name)s has no stream left. The reply will continue later.", {"name": route.provider}
    )
    problem = ProviderError(STOPPED, message, at_fault=False)
    problem.waits_for_stream = True
    return problem


def nobody(model: str) -> ProviderError:
    """None is enabled."""
    message = Reason(
        "No provider of %(model)s is enabled: choose another model, or ask an administrator.",
        {"model": model},
    )
    return ProviderError("no_provider", message, passing=False, at_fault=False)


def unsupported(route: Route, options: list[str]) -> ProviderError:
    """An option that must not be ignored silently."""
    message = Reason(
        "The provider %(name)s does not take %(options)s: leave it out, or choose another model.",
        {"name": route.provider, "options": ", ".join(options)},
    )
    return ProviderError("unsupported_option", message, passing=False, at_fault=False)


def from_status(route: Route, status: int, body: bytes, retry_after: str = "") -> ProviderError:
    """The problem that an HTTP status, or the code of an error frame, tells of."""
    name, code, reason = route.provider, *_read_error(body, route.api_key)
    if status in SET_UP_WRONG:
        wrong = _wrong_set_up(status, route)
        return ProviderError(SET_UP_WRONG[status], wrong, passing=False, rest_s=BROKEN_S)
    if status == 429:
        return _rate_limited(name, read_retry_after(retry_after))
    if status == 408 or status >= 500:
        message = Reason(
            "The provider %(name)s has failed (status %(status)s). Please try again.",
            {"name": name, "status": status},
        )
        return ProviderError("provider_failed", message, rest_s=read_retry_after(retry_after))
    if code == "context_length_exceeded" or status == 413:
        message = Reason("This conversation is too long for the provider %(name)s.", {"name": name})
        return ProviderError("context_length_exceeded", message, passing=False, at_fault=False)
    return ProviderError("provider_refused", _refusal(name, status, reason), passing=False, at_fault=False)


def _wrong_set_up(status: int, route: Route) -> Reason:
    values: dict[str, Value] = {"name": route.provider, "model": route.model}
    match status:
        case 401:
            return Reason("The provider %(name)s refused our key: an administrator has to see to it.", values)
        case 402:
            return Reason(
                "Our account at the provider %(name)s has no credit left: an administrator has to see to it.",
                values,
            )
        case 403:
            return Reason(
                "The provider %(name)s refused us access: an administrator has to see to it.", values
            )
    return Reason("The provider %(name)s does not know %(model)s: an administrator has to see to it.", values)


def _refusal(name: str, status: int, reason: str) -> Reason:
    if reason:
        return Reason(
            "The provider %(name)s refused the request: %(reason)s", {"name": name, "reason": reason}
        )
    return Reason(
        "The provider %(name)s refused the request (status %(status)s).", {"name": name, "status": status}
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
    if rest_s is None:
        message = Reason(
            "The provider %(name)s takes no more requests just now. Please try again.", {"name": name}
        )
    else:
        message = Reason(
            "The provider %(name)s takes no more requests just now. Please try again in %(seconds)s s.",
            {"name": name, "seconds": max(1, round(rest_s))},
        )
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
