"""The one error envelope of the HTTP API."""

from __future__ import annotations

from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from chat.services import errors

STATUS: dict[type[errors.ServiceError], int] = {
    errors.NotFound: 404,
    errors.Forbidden: 403,
    errors.ReplyInProgress: 409,
    errors.Conflict: 409,
    errors.TooManyRequests: 429,
    errors.Unavailable: 503,
    errors.QueueFull: 503,
}
NAMES = {
    400: ("ValidationError", "INVALID_INPUT"),
    401: ("AuthenticationError", "NOT_LOGGED_IN"),
    403: ("PermissionError", "NOT_ALLOWED"),
    422: ("ValidationError", "INVALID_INPUT"),
}


def install(api: NinjaAPI) -> None:
    """Answer every refusal of `api` in the envelope."""

    @api.exception_handler(errors.ServiceError)
    def refused(request: HttpRequest, error: errors.ServiceError) -> HttpResponse:
        status = STATUS.get(type(error), 422)
        body = envelope(type(error).__name__, error.code.upper(), error.message, error.field)
        response = api.create_response(request, body, status=status)
        if isinstance(error, errors.TooManyRequests | errors.Unavailable):
            response["Retry-After"] = str(error.retry_after)
        return response

    @api.exception_handler(AuthenticationError)
    def not_logged_in(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
        return _plain(request, 401, "Log in, or send a valid key.")

    @api.exception_handler(ValidationError)
    def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
        first = error.errors[0]
        return _plain(request, 422, str(first["msg"]), ".".join(map(str, first["loc"][1:])))

    @api.exception_handler(HttpError)
    def other(request: HttpRequest, error: HttpError) -> HttpResponse:
        return _plain(request, error.status_code, str(error))

    def _plain(request: HttpRequest, status: int, message: str, field: str | None = None) -> HttpResponse:
        name, code = NAMES.get(status, ("HttpError", f"HTTP_{status}"))
        return api.create_response(request, envelope(name, code, message, field), status=status)


def envelope(name: str, code: str, message: str, field: str | None = None) -> dict[str, object]:
    """The body of every error."""
    return {
        "error": name,
        "error_code": code,
        "details": {"field": field, "message": message},
        "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
    }
