"""The console's tables. What services write is read here, not edited.

What people said is nowhere here: it is read at /moderation/, in a case or for a written reason.
"""

from __future__ import annotations

from django.contrib import admin

from chat.admin import accounts, audit, logins, notices, panels, providers  # noqa: F401  register
from chat.admin.base import LargeTableAdmin, NewestValuesFilter, ReadOnlyAdmin
from chat.admin.names import translate_names
from chat.models import ApiKey, ChatMessage, ChatSession, Generation, LanguageModel, WorkerNode


@admin.register(ChatSession)
class ChatSessionAdmin(LargeTableAdmin):
    """Conversations, without their words."""

    fields = ("id", "owner", "llm_provider", "llm_model", "message_count", "is_active", "created_at")
    list_display = ("id", "owner", "llm_model", "message_count", "is_active", "created_at")
    ordering = ("-created_at",)
    list_filter = ("is_active",)
    list_select_related = ("owner",)
    search_fields = ("owner__username",)


@admin.register(ChatMessage)
class ChatMessageAdmin(LargeTableAdmin):
    """Messages, without their words."""

    fields = ("id", "session_id", "role", "status", "author", "llm_model", "tokens_used", "created_at")
    list_display = ("id", "session_id", "role", "status", "author", "llm_model", "tokens_used", "created_at")
    list_filter = ("role",)
    ordering = ("-created_at",)
    list_select_related = ("author",)


@admin.register(Generation)
class GenerationAdmin(LargeTableAdmin):
    """Replies in the making, and how they went."""

    list_display = ("id", "status", "attempt", "faults", "worker", "model", "user", "created_at")
    list_filter = ("status", ("model", NewestValuesFilter))
    ordering = ("-created_at",)
    list_select_related = ("user",)
    exclude = ("prompt_ids", "prompt_messages", "options", "message")


@admin.register(LanguageModel)
class LanguageModelAdmin(ReadOnlyAdmin):
    """The catalogue; `manage.py model` adds to it."""

    list_display = ("slug", "name", "architecture", "context_length", "is_default", "is_active")


@admin.register(WorkerNode)
class WorkerNodeAdmin(ReadOnlyAdmin):
    """Workers and their heartbeats."""

    list_display = (
        *("name", "status", "device", "loaded_models", "slots", "busy"),
        *("heartbeat_at", "capabilities", "detail"),
    )
    list_filter = ("status",)


@admin.register(ApiKey)
class ApiKeyAdmin(LargeTableAdmin):
    """Keys by their prefix; the secret is stored nowhere."""

    list_display = ("prefix", "name", "user", "created_at", "last_used_at", "expires_at", "revoked_at")
    list_select_related = ("user",)
    exclude = ("digest",)


translate_names()
admin.site.site_header = admin.site.site_title = "Parley"
