"""Export and import."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Body, Router, Status

from chat.api.auth import LOGGED_IN, user_of
from chat.api.v1.schemas import SessionOut
from chat.selectors.export import EXPORTS
from chat.selectors.sessions import find_session
from chat.services.errors import NotFound
from chat.services.transfer import import_session

router = Router(tags=["sessions"], auth=LOGGED_IN)
FILE: Any = Body(...)  # type: ignore[type-arg]


@router.get("sessions/{uuid:session_id}/export", summary="A session as a file")
def get_export(
    request: HttpRequest,
    session_id: UUID,
    format: Literal["json", "md", "txt"] = "json",  # noqa: A002  the contract's name
) -> Any:
    """JSON carries a `schema_version` and can be imported again; `md` and `txt` are for reading."""
    session = find_session(user=user_of(request), session_id=session_id)
    if session is None:
        raise NotFound("There is no such session.")
    export, content_type = EXPORTS[format]
    name = f'attachment; filename="session-{session_id}.{format}"'
    return HttpResponse(export(session), content_type=content_type, headers={"Content-Disposition": name})


@router.post("sessions/import", response={201: SessionOut}, summary="A session from a file")
def post_import(request: HttpRequest, file: dict[str, Any] = FILE) -> Any:
    """Every version that was ever exported; ids and times of the file are not taken for the session."""
    return Status(201, SessionOut.of(import_session(user=user_of(request), file=file)))
