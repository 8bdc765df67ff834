"""What a service refuses. The message is a sentence for the user; `code` is stable for programs."""

# ruff: noqa: N818  these are answers, not faults

from __future__ import annotations

from collections.abc import Mapping

from chat.wording import in_words
from inference.types.errors import Reason, Value


class ServiceError(Exception):
    """Base of the family. `field` names the part of the request that was wrong, if one was; `values` are put
    into the sentence, translated or not, where it says `%(name)s`.
    """

    code = "refused"

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        code: str | None = None,
        values: Mapping[str, Value] | None = None,
    ) -> None:
        self.reason = None if values is None else Reason(message, dict(values))
        super().__init__(str(self.reason or message))
        self.field = field
        self.code = code or self.code

    @property
    def message(self) -> str:
        """The sentence in the reader's language, where it is translated; logs have the English one."""
        return in_words(self.reason or str(self))


class NotLoggedIn(ServiceError):
    """Nobody, or nobody any more."""

    code = "not_logged_in"


class NotFound(ServiceError):
    """It does not exist, or the user may not know that it does."""

    code = "not_found"


class Forbidden(ServiceError):
    """The user may see it, but not do this."""

    code = "forbidden"


class InvalidContent(ServiceError):
    """A text that cannot be stored: empty, too long, or with characters no database takes."""

    code = "invalid_content"


class ContentBlocked(ServiceError):
    """A content rule does not allow the text."""

    code = "content_blocked"


class InvalidOptions(ServiceError):
    """An option that does not exist, or a value outside its range."""

    code = "invalid_options"


class InvalidRequest(ServiceError):
    """The request contradicts itself or what is stored."""

    code = "invalid_request"


class TooLarge(ServiceError):
    """A file beyond a limit."""

    code = "too_large"


class UnknownModel(ServiceError):
    """No such model in the catalogue, and no worker has it loaded."""

    code = "unknown_model"


class ReplyInProgress(ServiceError):
    """The reply this would build on is still being written."""

    code = "reply_in_progress"


class Conflict(ServiceError):
    """Something with this name exists already."""

    code = "conflict"


class SearchUnavailable(Conflict):
    """Nothing can be looked for in what is sealed."""

    code = "search_unavailable"

    def __init__(self) -> None:
        super().__init__("Messages cannot be searched here: this server keeps them encrypted.")


class TooManyRequests(ServiceError):
    """A limit of this user is reached; `retry_after` is in seconds."""

    code = "too_many_requests"

    def __init__(self, message: str, *, retry_after: int, values: Mapping[str, Value] | None = None) -> None:
        super().__init__(message, values=values)
        self.retry_after = retry_after


class Unavailable(ServiceError):
    """A part of the system does not answer; `retry_after` is in seconds."""

    code = "unavailable"

    def __init__(self, message: str, *, retry_after: int, values: Mapping[str, Value] | None = None) -> None:
        super().__init__(message, values=values)
        self.retry_after = retry_after


RETRY_AFTER_SECONDS = 5


def database_away(error: Exception) -> Unavailable:
    """What a database that cannot be used means to a user: it is away, or SQLite's disk is full."""
    seconds = RETRY_AFTER_SECONDS
    values = {"seconds": seconds}
    if "full" in str(error):
        return Unavailable(
            "The server's disk is full: try again in %(seconds)s s.", retry_after=seconds, values=values
        )
    return Unavailable(
        "The database does not answer: try again in %(seconds)s s.", retry_after=seconds, values=values
    )


class QueueFull(Unavailable):
    """Nobody can wait any more."""

    code = "queue_full"
