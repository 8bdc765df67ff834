"""Search."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime, time
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import BeforeValidator, Field

from chat.api.auth import LOGGED_IN, user_of
from chat.api.parsing import in_utc
from chat.api.v1.schemas import Page, Time
from chat.sealed import is_sealing
from chat.selectors.search import Filters, search_messages
from chat.services.access import require_reader
from chat.services.errors import InvalidRequest, SearchUnavailable

router = Router(tags=["search"], auth=LOGGED_IN)


def _parse_day(given: object) -> object:
    # Pydantic alone would take a day for its first moment.
    if not isinstance(given, str):
        return given
    if len(given) == len("2000-01-01"):
        return date.fromisoformat(given)
    return in_utc(datetime.fromisoformat(given))


Moment = Annotated[datetime | date, BeforeValidator(_parse_day)]


class SearchFilters(Schema):
    """Words to find, and where. `query` is another name of `q`; `date_to` is exclusive unless it is a day."""

    q: Annotated[str, Field(max_length=500, examples=["raven"])] = ""
    query: Annotated[str, Field(max_length=500)] = ""
    session_id: UUID | None = None
    date_from: Moment | None = None
    date_to: Moment | None = None
    page: Page = 1
    page_size: Annotated[int, Field(ge=1, le=100)] = 20


class FoundOut(Schema):
    """A message. `snippet` is HTML: escaped text with `<mark>` around what was found."""

    message_id: UUID
    session_id: UUID
    session_title: str
    role: str
    snippet: str
    rank: float
    created_at: Time


class SearchOut(Schema):
    """The best matches first. `is_capped`: a search with an earlier `date_to` may find older ones."""

    results: list[FoundOut]
    total_count: int
    is_capped: bool
    page: int
    page_size: int
    has_more: bool


@router.get("search", response=SearchOut, summary="Search one's messages")
def get_search(request: HttpRequest, filters: Query[SearchFilters]) -> Any:
    """Messages with all the words; the last word may be a beginning. Of more than 1,000 matches the newest
    1,000 are ranked and counted, and `is_capped` says so.
    """
    query = filters.q or filters.query
    if not query.strip():
        raise InvalidRequest("q is empty: give words to search for.", field="q")
    if is_sealing():
        raise SearchUnavailable
    user = user_of(request)
    if filters.session_id is not None:
        require_reader(user=user, session_id=filters.session_id)
    limits = Filters(
        session_id=filters.session_id,
        date_from=_moment(filters.date_from),
        date_to=_moment(filters.date_to, is_end=True),
    )
    found = search_messages(
        user=user, query=query, filters=limits, page=filters.page, page_size=filters.page_size
    )
    return SearchOut(
        results=[FoundOut(**asdict(result)) for result in found.results],
        total_count=found.total_count,
        is_capped=found.is_capped,
        page=filters.page,
        page_size=filters.page_size,
        has_more=found.has_more,
    )


def _moment(given: datetime | date | None, *, is_end: bool = False) -> datetime | None:
    """A day means its beginning, or as an end its last moment."""
    if given is None or isinstance(given, datetime):
        return given
    return datetime.combine(given, time.max if is_end else time.min, tzinfo=UTC)
