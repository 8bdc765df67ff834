"""The chat application."""

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.db.models.signals import post_migrate, pre_migrate


class ChatConfig(AppConfig):
    """Named `chat`, so that the user model is `chat.User`."""

    name = "chat"
    verbose_name = "Parley"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Keep the search index, the audit log's guard and the roles whole across migrations."""
        from chat.audit_guard import guard_after_migrating
        from chat.checks import check_squashed_migrations
        from chat.search_index import repair_after_migrating
        from chat.services.accounts import install_roles, remember_permissions

        register(check_squashed_migrations, Tags.database)
        pre_migrate.connect(remember_permissions, sender=self)
        post_migrate.connect(install_roles, sender=self)
        post_migrate.connect(repair_after_migrating, sender=self)
        post_migrate.connect(guard_after_migrating, sender=self)
