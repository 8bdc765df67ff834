"""Export and import."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Body, Router, Schema, Status

from chat.api.auth import LOGGED_IN, user_of
from chat.api.document import documented
from chat.api.v1.schemas import SessionOut
from chat.selectors.export import EXPORTS
from chat.selectors.messages import count_characters
from chat.selectors.sessions import find_session
from chat.services.errors import NotFound, TooLarge
from chat.services.transfer import import_session, import_sessions

router = Router(tags=["sessions"], auth=LOGGED_IN)
MOST_PDF_CHARS = 300_000  # about 60 pages, which take some seconds to set
EXAMPLE = {"schema_version": 1, "session": {"title": "Tea"}, "messages": [{"role": "user", "content": "Hi"}]}
FILE: Any = Body(..., examples=[EXAMPLE])  # type: ignore[type-arg]


class Imported(Schema):
    """The sessions of a list, in its order."""

    sessions: list[SessionOut]
    total_count: int


@router.get(
    "sessions/{uuid:session_id}/export",
    summary="A session as a file",
    openapi_extra=documented(*(kind for _, kind in EXPORTS.values())),
)
def get_export(
    request: HttpRequest,
    session_id: UUID,
    format: Literal["json", "md", "txt", "pdf"] = "json",  # noqa: A002  the contract's name
) -> Any:
    """JSON carries a `schema_version` and can be imported again; the others are for reading."""
    session = find_session(user=user_of(request), session_id=session_id)
    if session is None:
        raise NotFound("There is no such session.")
    if format == "pdf" and count_characters(session_id) > MOST_PDF_CHARS:
        raise TooLarge(
            "A PDF has at most %(most)s characters: ask for md or txt.",
            field="format",
            values={"most": MOST_PDF_CHARS},
        )
    export, content_type = EXPORTS[format]
    name = f'attachment; filename="session-{session_id}.{format}"'
    return HttpResponse(export(session), content_type=content_type, headers={"Content-Disposition": name})


@router.post("sessions/import", response={201: SessionOut | Imported}, summary="Sessions from a file")
def post_import(request: HttpRequest, file: dict[str, Any] | list[Any] = FILE) -> Any:
    """Every version that was ever exported, or a conversation that ChatGPT exported, with all its branches; a
    list of them, such as ChatGPT's `conversations.json`, makes a session of each, or none. The session's own
    id and times are new.
    """
    user = user_of(request)
    if isinstance(file, dict):
        return Status(201, SessionOut.of(import_session(user=user, file=file)))
    made = import_sessions(user=user, files=file)
    return Status(201, Imported(sessions=[SessionOut.of(row) for row in made], total_count=len(made)))
