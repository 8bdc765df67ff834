"""HTTP APIs."""

from __future__ import annotations

from django.urls import path
from ninja import NinjaAPI

from chat.api import errors
from chat.api.v1 import health, tickets

api = NinjaAPI(title="Parley", version="1", docs_url=None, openapi_url=None)
errors.install(api)
api.add_router("chat/", health.router)
api.add_router("chat/", tickets.router)

urlpatterns = [path("", api.urls)]
