"""Providers in the console: how each does, and the switches. They are added by command or API."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat.admin.base import ReadOnlyAdmin, TabularInline
from chat.models import Provider, ProviderModel
from chat.selectors.providers import status_of
from chat.services.providers import change_provider


class ServedInline(TabularInline):
    """What a provider serves."""

    model = ProviderModel
    fields = readonly_fields = ("model", "remote_name", "calls", "latency_ms", "error_rate", "last_error")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """`manage.py provider set` adds."""
        return False


@admin.register(Provider)
class ProviderAdmin(ReadOnlyAdmin):
    """Who answers for remote models, in the order in which they are asked. Keys are not shown."""

    list_display = ("slug", "is_enabled", "priority", "base_url", "continuation", "max_streams")
    list_filter = ("is_enabled",)
    inlines = (ServedInline,)
    actions = ("enable", "disable", "ask_earlier", "ask_later")

    def has_switch_permission(self, request: HttpRequest) -> bool:
        """Administrators switch."""
        return bool(request.user.is_superuser)

    @admin.action(permissions=["switch"], description=_("Use again"))
    def enable(self, request: HttpRequest, chosen: QuerySet[Provider]) -> None:
        """From the next call on."""
        for provider in chosen:
            change_provider(slug=provider.slug, is_enabled=True)

    @admin.action(permissions=["switch"], description=_("Stop using"))
    def disable(self, request: HttpRequest, chosen: QuerySet[Provider]) -> None:
        """Calls that run go on."""
        for provider in chosen:
            change_provider(slug=provider.slug, is_enabled=False)

    @admin.action(permissions=["switch"], description=_("Ask earlier (priority - 10)"))
    def ask_earlier(self, request: HttpRequest, chosen: QuerySet[Provider]) -> None:
        """Before others."""
        for provider in chosen:
            change_provider(slug=provider.slug, priority=max(0, provider.priority - 10))

    @admin.action(permissions=["switch"], description=_("Ask later (priority + 10)"))
    def ask_later(self, request: HttpRequest, chosen: QuerySet[Provider]) -> None:
        """After others."""
        for provider in chosen:
            change_provider(slug=provider.slug, priority=provider.priority + 10)


@admin.register(ProviderModel)
class ProviderModelAdmin(ReadOnlyAdmin):
    """How each model of each provider does."""

    list_display = (
        *("provider", "model", "remote_name", "status", "latency_ms", "error_rate", "calls"),
        *("rests_until", "last_error", "last_error_at"),
    )
    list_filter = ("provider", "model")
    list_select_related = ("provider", "model")

    @admin.display(description=_("status"))
    def status(self, row: ProviderModel) -> str:
        """One word."""
        return status_of(row, timezone.now())
