"""Second factors and other people's services, as allauth keeps them: without the secrets."""

from __future__ import annotations

from typing import Any

from allauth.mfa import admin as factors  # noqa: F401  registers, before it is taken back
from allauth.mfa.models import Authenticator
from allauth.socialaccount import admin as services  # noqa: F401  the same
from allauth.socialaccount.models import SocialToken
from django.contrib import admin
from django.http import HttpRequest

from chat.admin.base import ReadOnlyAdmin

admin.site.unregister(SocialToken)
admin.site.unregister(Authenticator)


@admin.register(Authenticator)
class AuthenticatorAdmin(ReadOnlyAdmin):
    """Somebody who has lost one is let in again by deleting it."""

    fields = list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    list_select_related = ("user",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Administrators."""
        return bool(request.user.is_superuser)
