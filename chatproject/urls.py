"""URL routes of the project."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from chat.web.exposition import metrics
from chat.web.views import LogOut

urlpatterns = [
    path("admin/logout/", LogOut.as_view()),
    path("admin/", admin.site.urls),
    path("metrics", metrics, name="metrics"),
    path("", include("chat.web.urls")),
    path("api/", include("chat.api.urls")),
    path("v1/", include("chat.api.openai.urls")),
]
