"""Second factors and other people's services, as allauth keeps them: without the secrets."""

from __future__ import annotations

from typing import Any

from allauth.account.admin import EmailAddressAdmin
from allauth.account.models import EmailAddress
from allauth.mfa import admin as factors  # noqa: F401  registers, before it is taken back
from allauth.mfa.models import Authenticator
from allauth.socialaccount import admin as services  # noqa: F401  the same
from allauth.socialaccount.models import SocialToken
from allauth.usersessions.admin import UserSessionAdmin
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.http import HttpRequest

from chat.admin.base import BoundedPaginator, ReadOnlyAdmin

admin.site.unregister(SocialToken)
admin.site.unregister(Authenticator)
admin.site.unregister(EmailAddress)
admin.site.unregister(UserSession)


@admin.register(EmailAddress)
class AddressAdmin(EmailAddressAdmin):  # type: ignore[misc]  # allauth has no types
    """Addresses, of which there may be many."""

    paginator = BoundedPaginator
    show_full_result_count = False


@admin.register(UserSession)
class LoginAdmin(UserSessionAdmin):  # type: ignore[misc]  # the same
    """Logins, of which there may be many."""

    paginator = BoundedPaginator
    show_full_result_count = False


@admin.register(Authenticator)
class AuthenticatorAdmin(ReadOnlyAdmin):
    """Somebody who has lost one is let in again by deleting it."""

    fields = list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    list_select_related = ("user",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Administrators."""
        return bool(request.user.is_superuser)
