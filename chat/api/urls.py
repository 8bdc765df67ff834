"""HTTP APIs."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path
from ninja import NinjaAPI
from ninja.openapi.docs import Swagger

from chat.api import errors
from chat.api.document import ChatAPI
from chat.api.parsing import JsonParser
from chat.api.v1 import (
    attachments,
    auth,
    generations,
    health,
    messages,
    moderation,
    options,
    participants,
    presets,
    process,
    providers,
    reactions,
    search,
    sessions,
    stats,
    tickets,
    transfer,
    workers,
)

api = ChatAPI(
    title="Parley",
    version="1",
    description="Chat sessions, messages and replies. Send a key or a token: `Authorization: Bearer pk_…`.",
    docs_url=None,
    openapi_url="openapi.json",
    parser=JsonParser(),
)
errors.install(api)
MODULES = (
    *(health, tickets, sessions, options, presets, messages, generations, process),
    *(participants, reactions, attachments, transfer, search, stats, providers, workers),
    moderation,
)
for module in MODULES:
    api.add_router("chat/", module.router)
api.add_router("auth/", auth.router)

ai_api = NinjaAPI(urls_namespace="ai", docs_url=None, openapi_url=None, parser=JsonParser())
errors.install(ai_api)
ai_api.add_router("", process.live_alias())


def docs(request: HttpRequest) -> HttpResponse:
    """The interactive page of the chat API."""
    return Swagger().render_page(request, api)


urlpatterns = [
    path("docs", docs, name="api_docs"),
    re_path(r"^(?:v1|ai)/$", errors.no_such_path),  # instead of ninja's page
    path("v1/", api.urls),
    path("ai/", ai_api.urls),
    re_path(r"", errors.no_such_path),
]
