"""URL routes of the project."""

from __future__ import annotations

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from chat.web.exposition import metrics
from chat.web.views import LogOut

# The same login for everybody, with its second factor.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("admin/logout/", LogOut.as_view()),
    path("admin/", admin.site.urls),
    path("metrics", metrics, name="metrics"),
    path("", include("chat.web.urls")),
    path("api/", include("chat.api.urls")),
    path("v1/", include("chat.api.openai.urls")),
]
