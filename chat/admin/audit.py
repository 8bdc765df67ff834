"""The audit log in the console: to read and to filter."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from chat.admin.base import LargeTableAdmin, NewestValuesFilter
from chat.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(LargeTableAdmin):
    """Who did what, newest first."""

    list_display = ("number", "at", "actor_name", "action", "subject_type", "subject_id", "details")
    list_filter = (("action", NewestValuesFilter),)
    ordering = ("-number",)
    search_fields = ("actor_name__exact", "subject_id__exact")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may see the audit log."""
        return request.user.has_perm("chat.view_audit")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """The same."""
        return self.has_view_permission(request)
