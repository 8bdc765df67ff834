"""The OpenAI-compatible API, at `/v1/`."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path
from ninja.errors import HttpError
from ninja.openapi.docs import Swagger

from chat.api.document import SampledAPI
from chat.api.openai import batches, completions, embeddings, errors, files, models, responses
from chat.api.openai.parser import BodyParser, unreadable

api = SampledAPI(
    title="Parley, OpenAI-compatible",
    version="1",
    description="Set an OpenAI SDK's `base_url` to this server's `/v1` and its key to `pk_…`.",
    urls_namespace="openai",
    docs_url=None,
    openapi_url="openapi.json",
    parser=BodyParser(),
)
errors.install(api)
api.add_exception_handler(HttpError, unreadable)
api.add_router("", completions.router)
api.add_router("", embeddings.router)
api.add_router("", responses.router)
api.add_router("", models.router)
api.add_router("", files.router)
api.add_router("", batches.router)


def docs(request: HttpRequest) -> HttpResponse:
    """The interactive page."""
    return Swagger().render_page(request, api)


urlpatterns = [
    path("docs", docs, name="openai_docs"),
    path("", errors.no_such_path),  # instead of ninja's page
    path("", api.urls),
    re_path(r"", errors.no_such_path),
]
