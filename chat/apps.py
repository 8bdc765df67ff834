"""The chat application."""

from django.apps import AppConfig


class ChatConfig(AppConfig):
    """Named `chat`, so that the user model is `chat.User`."""

    name = "chat"
    default_auto_field = "django.db.models.BigAutoField"
