"""The schema as migrations 0001 to 0035 left it, in one step (decision 022)."""

import uuid
from typing import Any

import django.contrib.auth.models
import django.contrib.auth.validators
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from chat.audit_guard import create_guard, drop_guard
from chat.search_index import create_index, drop_index

REPLACED = """
0001_initial 0002_admission_and_control 0003_model_modified_ns 0004_http_api 0005_search_index 0006_batches
0007_routing 0008_api_access 0009_attachments 0010_matryoshka 0011_worker_models
0012_tool_calls_and_logprobs 0013_dropped_context 0014_shelf 0015_lora_adapter 0016_providers
0017_worker_figures 0018_who_reacted 0019_audit_log 0020_user_preferences 0021_suspensions_and_roles
0022_session_summary 0023_operating 0024_moderation 0025_group_limits 0026_private_access
0027_batch_managers_and_output_expiry 0028_shared_links 0029_chores 0030_confidence_and_unstored
0031_continued_replies 0032_account_invitations 0033_usage 0034_bypass_rules 0035_retention
"""


def create(apps: Any, schema_editor: Any) -> None:
    create_index(schema_editor.connection)
    create_guard(schema_editor.connection)


def drop(apps: Any, schema_editor: Any) -> None:
    drop_guard(schema_editor.connection)
    drop_index(schema_editor.connection)


class Migration(migrations.Migration):
    initial = True

    replaces = [("chat", name) for name in REPLACED.split()]

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="User",
            fields=[
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                (
                    "username",
                    models.CharField(
                        error_messages={"unique": "A user with that username already exists."},
                        help_text="Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.",
                        max_length=150,
                        unique=True,
                        validators=[django.contrib.auth.validators.UnicodeUsernameValidator()],
                        verbose_name="username",
                    ),
                ),
                ("first_name", models.CharField(blank=True, max_length=150, verbose_name="first name")),
                ("last_name", models.CharField(blank=True, max_length=150, verbose_name="last name")),
                ("email", models.EmailField(blank=True, max_length=254, verbose_name="email address")),
                (
                    "is_staff",
                    models.BooleanField(
                        default=False,
                        help_text="Designates whether the user can log into this admin site.",
                        verbose_name="staff status",
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="Designates whether this user should be treated as active. Unselect this instead of deleting accounts.",
                        verbose_name="active",
                    ),
                ),
                (
                    "date_joined",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="date joined"),
                ),
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
                ("language", models.CharField(blank=True, max_length=10)),
                (
                    "theme",
                    models.CharField(
                        choices=[
                            ("auto", "As the system"),
                            ("light", "Light"),
                            ("dark", "Dark"),
                            ("contrast", "High contrast"),
                        ],
                        default="auto",
                        max_length=10,
                    ),
                ),
                ("suspended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "suspended_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("suspended_until", models.DateTimeField(blank=True, null=True)),
                (
                    "suspension",
                    models.CharField(
                        blank=True, choices=[("suspended", "Suspended"), ("banned", "Banned")], max_length=9
                    ),
                ),
                ("suspension_reason", models.CharField(blank=True, max_length=500)),
            ],
            options={
                "verbose_name": "user",
                "verbose_name_plural": "users",
                "abstract": False,
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("suspension__in", ["", "suspended", "banned"])),
                        name="suspension_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("suspension", "banned"), _negated=True),
                            ("suspended_until__isnull", True),
                            _connector="OR",
                        ),
                        name="ban_has_no_end",
                    ),
                ],
                "permissions": [
                    ("view_moderation", "May see the moderation queue and the live view"),
                    ("decide_cases", "May decide cases"),
                    ("suspend_users", "May suspend and ban users"),
                    ("kill_generations", "May stop anybody's generation"),
                    ("drain_workers", "May drain workers and pause queues"),
                    ("manage_batches", "May steer anybody's batches, without reading them"),
                    ("read_private", "May read private conversations for a written reason"),
                    ("bypass_rules", "May ask for replies that content rules do not look at"),
                    ("view_audit", "May read the audit log"),
                    ("view_analytics", "May see everybody's usage"),
                    ("approve_users", "May approve new accounts and invite people"),
                ],
            },
            managers=[
                ("objects", django.contrib.auth.models.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=100)),
                ("prefix", models.CharField(max_length=16, unique=True)),
                ("digest", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="api_keys",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("scopes", models.JSONField(blank=True, default=list)),
                ("requests_per_minute", models.PositiveIntegerField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="ChatSession",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("title", models.CharField(blank=True, max_length=200)),
                ("llm_provider", models.CharField(default="LOCAL", max_length=50)),
                ("llm_model", models.CharField(blank=True, max_length=100)),
                ("system_prompt", models.TextField(blank=True)),
                ("chat_template", models.TextField(blank=True)),
                ("settings", models.JSONField(blank=True, default=dict)),
                ("tags", models.JSONField(blank=True, default=list)),
                ("metadata", models.JSONField(blank=True, default=dict)),
                ("is_active", models.BooleanField(default=True)),
                ("message_count", models.PositiveIntegerField(default=0)),
                ("token_usage", models.PositiveBigIntegerField(default=0)),
                ("last_seen_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="owned_sessions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("is_hidden", models.BooleanField(default=False)),
                ("summarised_messages", models.PositiveIntegerField(default=0)),
                ("summary", models.TextField(blank=True)),
                ("retention_days", models.PositiveIntegerField(blank=True, null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["owner", "-updated_at"], name="session_owner_recent"),
                    models.Index(
                        condition=models.Q(("is_active", True)),
                        fields=["owner", "-updated_at"],
                        name="session_owner_active",
                    ),
                    models.Index(
                        condition=models.Q(("retention_days__isnull", False)),
                        fields=["retention_days"],
                        name="session_retention",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ChatMessage",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("system", "System"),
                            ("user", "User"),
                            ("assistant", "Assistant"),
                            ("tool", "Tool"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("streaming", "Streaming"),
                            ("complete", "Complete"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="complete",
                        max_length=10,
                    ),
                ),
                ("content", models.TextField(blank=True)),
                ("request_id", models.CharField(blank=True, max_length=100, null=True)),
                ("llm_provider", models.CharField(blank=True, max_length=50)),
                ("llm_model", models.CharField(blank=True, max_length=100)),
                ("finish_reason", models.CharField(blank=True, max_length=20)),
                ("tokens_used", models.PositiveIntegerField(default=0)),
                ("response_time_ms", models.PositiveIntegerField(blank=True, null=True)),
                ("metrics", models.JSONField(blank=True, default=dict)),
                ("error_message", models.TextField(blank=True)),
                ("metadata", models.JSONField(blank=True, default=dict)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "author",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="messages",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "parent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="replies",
                        to="chat.chatmessage",
                    ),
                ),
                (
                    "session",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="messages",
                        to="chat.chatsession",
                    ),
                ),
                ("reactions", models.JSONField(blank=True, default=dict)),
                ("attachments", models.JSONField(blank=True, default=list)),
                ("tool_call_id", models.CharField(blank=True, max_length=100)),
                ("tool_calls", models.JSONField(blank=True, default=list)),
                ("hidden_at", models.DateTimeField(blank=True, null=True)),
                ("confidence", models.FloatField(blank=True, null=True)),
            ],
            options={
                "ordering": ["created_at", "id"],
                "indexes": [
                    models.Index(fields=["session", "created_at", "id"], name="message_session_order"),
                    models.Index(
                        condition=models.Q(("status", "streaming")),
                        fields=["session"],
                        name="message_streaming",
                    ),
                    models.Index(fields=["-created_at"], name="message_newest"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("request_id__isnull", False)),
                        fields=("author", "request_id"),
                        name="unique_request_per_user",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["streaming", "complete", "failed", "cancelled"])),
                        name="message_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("tokens_used__gte", 0)), name="message_tokens_not_negative"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("role", "assistant"), ("status", "complete"), _connector="OR"),
                        name="only_replies_stream",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["system", "user", "assistant", "tool"])),
                        name="message_role_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Generation",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("choice", models.PositiveSmallIntegerField(default=0)),
                ("model", models.CharField(max_length=100)),
                ("model_digest", models.CharField(blank=True, max_length=64)),
                (
                    "priority",
                    models.PositiveSmallIntegerField(choices=[(0, "Interactive"), (1, "Batch")], default=0),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="queued",
                        max_length=10,
                    ),
                ),
                ("attempt", models.PositiveIntegerField(default=0)),
                ("faults", models.PositiveIntegerField(default=0)),
                ("worker", models.CharField(blank=True, max_length=100)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("cancel_requested", models.BooleanField(default=False)),
                ("options", models.JSONField(default=dict)),
                ("prompt_ids", models.BinaryField(blank=True, null=True)),
                ("prompt_tokens", models.PositiveIntegerField(default=0)),
                ("cached_tokens", models.PositiveIntegerField(default=0)),
                ("completion_tokens", models.PositiveIntegerField(default=0)),
                ("finish_reason", models.CharField(blank=True, max_length=20)),
                ("metrics", models.JSONField(blank=True, default=dict)),
                ("error_code", models.CharField(blank=True, max_length=50)),
                ("error_message", models.TextField(blank=True)),
                ("error_retryable", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("first_token_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "message",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="generations",
                        to="chat.chatmessage",
                    ),
                ),
                (
                    "session",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="generations",
                        to="chat.chatsession",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="generations",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("estimated_tokens", models.PositiveIntegerField(default=0)),
                ("preferred_worker", models.CharField(blank=True, max_length=100)),
                ("requested_model", models.CharField(blank=True, max_length=100)),
                ("waiting_since", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("is_stored", models.BooleanField(default=True)),
                ("dropped", models.JSONField(blank=True, default=dict)),
                ("prompt_messages", models.JSONField(blank=True, null=True)),
                ("provider", models.CharField(blank=True, max_length=50)),
                ("kill_reason", models.CharField(blank=True, max_length=300)),
                ("max_running", models.PositiveIntegerField(blank=True, null=True)),
                ("context_length", models.PositiveIntegerField(default=0)),
                ("kept_tokens", models.PositiveIntegerField(default=0)),
                ("request_id", models.CharField(blank=True, max_length=100)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("status", "queued")),
                        fields=["priority", "created_at"],
                        name="generation_queue",
                    ),
                    models.Index(
                        condition=models.Q(("status", "running")),
                        fields=["worker"],
                        name="generation_running",
                    ),
                    models.Index(fields=["session", "-created_at"], name="generation_session_recent"),
                    models.Index(
                        condition=models.Q(("finished_at__isnull", False)),
                        fields=["finished_at"],
                        name="generation_finished",
                    ),
                    models.Index(
                        condition=models.Q(("is_stored", False)),
                        fields=["finished_at"],
                        name="generation_unstored",
                    ),
                    models.Index(fields=["user", "-created_at"], name="generation_user_recent"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status__in", ("queued", "running"))),
                        fields=("message", "choice"),
                        name="one_active_generation_per_choice",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status__in", ["queued", "running", "succeeded", "failed", "cancelled"])
                        ),
                        name="generation_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("priority__in", [0, 1])), name="generation_priority_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("cached_tokens__gte", 0),
                            ("completion_tokens__gte", 0),
                            ("prompt_tokens__gte", 0),
                        ),
                        name="generation_tokens_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("cached_tokens__lte", models.F("prompt_tokens"))),
                        name="cached_within_prompt",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "running"), _negated=True),
                            ("lease_until__isnull", False),
                            _connector="OR",
                        ),
                        name="running_has_lease",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status__in", ("queued", "running")),
                            ("finished_at__isnull", False),
                            _connector="OR",
                        ),
                        name="ended_has_time",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="GenerationChunk",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("seq", models.PositiveIntegerField()),
                ("attempt", models.PositiveIntegerField()),
                ("text", models.TextField(blank=True)),
                ("token_ids", models.BinaryField(default=b"")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "generation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="chunks",
                        to="chat.generation",
                    ),
                ),
                ("logprobs", models.JSONField(blank=True, null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("generation", "seq"), name="unique_chunk_seq"),
                    models.CheckConstraint(condition=models.Q(("attempt__gte", 1)), name="chunk_has_attempt"),
                ],
            },
        ),
        migrations.CreateModel(
            name="LanguageModel",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("slug", models.SlugField(max_length=100, unique=True)),
                ("name", models.CharField(max_length=200)),
                ("source", models.CharField(max_length=500)),
                ("path", models.CharField(max_length=1000)),
                ("digest", models.CharField(max_length=64)),
                ("size_bytes", models.PositiveBigIntegerField()),
                ("architecture", models.CharField(max_length=50)),
                ("context_length", models.PositiveIntegerField()),
                ("chat_template", models.TextField(blank=True)),
                ("is_default", models.BooleanField(default=False)),
                ("is_active", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("modified_ns", models.PositiveBigIntegerField(default=0)),
                (
                    "fallback",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="chat.languagemodel",
                    ),
                ),
                ("is_matryoshka", models.BooleanField(default=False)),
                ("is_remote", models.BooleanField(default=False)),
            ],
            options={
                "ordering": ["slug"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_default", True)),
                        fields=("is_default",),
                        name="one_default_model",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Participant",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[("owner", "Owner"), ("member", "Member"), ("viewer", "Viewer")],
                        default="member",
                        max_length=10,
                    ),
                ),
                ("joined_at", models.DateTimeField(auto_now_add=True)),
                (
                    "session",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="participants",
                        to="chat.chatsession",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="participations",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("folder", models.CharField(blank=True, max_length=60)),
                ("is_archived", models.BooleanField(default=False)),
                ("is_pinned", models.BooleanField(default=False)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("session", "user"), name="one_participant_per_user"),
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["owner", "member", "viewer"])),
                        name="participant_role_known",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("role", "owner")),
                        fields=("session",),
                        name="one_owner_per_session",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WorkerNode",
            fields=[
                ("name", models.CharField(max_length=100, primary_key=True, serialize=False)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("starting", "Starting"),
                            ("ready", "Ready"),
                            ("draining", "Draining"),
                            ("stopped", "Stopped"),
                        ],
                        default="starting",
                        max_length=10,
                    ),
                ),
                ("device", models.CharField(default="cpu", max_length=10)),
                ("loaded_models", models.JSONField(default=list)),
                ("slots", models.PositiveIntegerField(default=0)),
                ("busy", models.PositiveIntegerField(default=0)),
                ("detail", models.CharField(blank=True, max_length=300)),
                ("started_at", models.DateTimeField(auto_now_add=True)),
                ("heartbeat_at", models.DateTimeField()),
                ("capabilities", models.JSONField(blank=True, default=dict)),
                ("memory_budget", models.PositiveBigIntegerField(default=0)),
                ("offered_models", models.JSONField(default=list)),
                ("refused_models", models.JSONField(blank=True, default=dict)),
                ("figures", models.JSONField(blank=True, default=dict)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["starting", "ready", "draining", "stopped"])),
                        name="worker_status_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="WorkerControl",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(
                        default=1, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("last_tick", models.DateTimeField()),
                ("reap_after", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="one_worker_control")
                ],
            },
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("digest", models.CharField(max_length=64, unique=True)),
                (
                    "role",
                    models.CharField(
                        choices=[("owner", "Owner"), ("member", "Member"), ("viewer", "Viewer")],
                        default="member",
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField()),
                ("max_uses", models.PositiveIntegerField(default=1)),
                ("uses", models.PositiveIntegerField(default=0)),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="invitations",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "session",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="invitations",
                        to="chat.chatsession",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["member", "viewer"])), name="invitation_role_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("uses__lte", models.F("max_uses"))), name="invitation_within_uses"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="MessageReaction",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("emoji", models.CharField(max_length=32)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "message",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reaction_rows",
                        to="chat.chatmessage",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reactions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("message", "user", "emoji"), name="one_reaction_per_emoji"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="StoredFile",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("assistants", "Assistants"),
                            ("batch", "Batch"),
                            ("batch_output", "Batch Output"),
                            ("evals", "Evals"),
                            ("fine-tune", "Fine Tune"),
                            ("user_data", "User Data"),
                            ("vision", "Vision"),
                        ],
                        max_length=20,
                    ),
                ),
                ("filename", models.CharField(max_length=255)),
                ("size_bytes", models.PositiveBigIntegerField()),
                ("content", models.FileField(max_length=200, upload_to="")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="files",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["user", "-created_at"], name="file_user_recent"),
                    models.Index(
                        condition=models.Q(("expires_at__isnull", False)),
                        fields=["expires_at"],
                        name="file_expiry",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "purpose__in",
                                [
                                    "assistants",
                                    "batch",
                                    "batch_output",
                                    "evals",
                                    "fine-tune",
                                    "user_data",
                                    "vision",
                                ],
                            )
                        ),
                        name="file_purpose_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="BatchJob",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("purpose", models.CharField(blank=True, max_length=30)),
                ("endpoint", models.CharField(max_length=50)),
                ("model", models.CharField(blank=True, max_length=100)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("validating", "Validating"),
                            ("failed", "Failed"),
                            ("in_progress", "In Progress"),
                            ("finalizing", "Finalizing"),
                            ("completed", "Completed"),
                            ("expired", "Expired"),
                            ("cancelling", "Cancelling"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="validating",
                        max_length=12,
                    ),
                ),
                ("is_paused", models.BooleanField(default=False)),
                (
                    "priority",
                    models.PositiveSmallIntegerField(
                        choices=[(0, "Low"), (1, "Normal"), (2, "High"), (3, "Urgent")], default=1
                    ),
                ),
                ("max_running", models.PositiveIntegerField(blank=True, null=True)),
                ("completion_window", models.CharField(default="24h", max_length=20)),
                ("metadata", models.JSONField(blank=True, default=dict)),
                ("webhook_url", models.CharField(blank=True, max_length=1000)),
                ("notify_email", models.BooleanField(default=False)),
                ("errors", models.JSONField(blank=True, default=list)),
                ("total", models.PositiveIntegerField(default=0)),
                ("completed", models.PositiveIntegerField(default=0)),
                ("failed", models.PositiveIntegerField(default=0)),
                ("estimated_tokens", models.PositiveBigIntegerField(default=0)),
                ("prompt_tokens", models.PositiveBigIntegerField(default=0)),
                ("cached_tokens", models.PositiveBigIntegerField(default=0)),
                ("completion_tokens", models.PositiveBigIntegerField(default=0)),
                ("clerk_attempt", models.PositiveIntegerField(default=0)),
                ("clerk_until", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("in_progress_at", models.DateTimeField(blank=True, null=True)),
                ("finalizing_at", models.DateTimeField(blank=True, null=True)),
                ("completed_at", models.DateTimeField(blank=True, null=True)),
                ("failed_at", models.DateTimeField(blank=True, null=True)),
                ("expired_at", models.DateTimeField(blank=True, null=True)),
                ("cancelling_at", models.DateTimeField(blank=True, null=True)),
                ("cancelled_at", models.DateTimeField(blank=True, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="batches",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "error_file",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="chat.storedfile",
                    ),
                ),
                (
                    "input_file",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="chat.storedfile",
                    ),
                ),
                (
                    "output_file",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="chat.storedfile",
                    ),
                ),
                ("output_expires_after_s", models.PositiveIntegerField(blank=True, null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["user", "-created_at"], name="batch_user_recent"),
                    models.Index(
                        condition=models.Q(
                            ("status__in", ("validating", "in_progress", "finalizing", "cancelling"))
                        ),
                        fields=["status"],
                        name="batch_unfinished",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                [
                                    "validating",
                                    "failed",
                                    "in_progress",
                                    "finalizing",
                                    "completed",
                                    "expired",
                                    "cancelling",
                                    "cancelled",
                                ],
                            )
                        ),
                        name="batch_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("priority__in", [0, 1, 2, 3])), name="batch_priority_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("completed__lte", models.F("total")), ("failed__lte", models.F("total"))
                        ),
                        name="batch_counts_fit",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("purpose", ""), _negated=True),
                        fields=("user", "purpose", "model"),
                        name="one_background_job_per_purpose",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BatchLine",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("number", models.PositiveIntegerField()),
                ("custom_id", models.CharField(max_length=512)),
                ("prefix", models.CharField(blank=True, max_length=32)),
                ("body", models.TextField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("running", "Running"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                            ("expired", "Expired"),
                        ],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("attempt", models.PositiveIntegerField(default=0)),
                ("faults", models.PositiveIntegerField(default=0)),
                ("worker", models.CharField(blank=True, max_length=100)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("model_digest", models.CharField(blank=True, max_length=64)),
                ("choices", models.JSONField(blank=True, default=list)),
                ("prompt_tokens", models.PositiveIntegerField(default=0)),
                ("cached_tokens", models.PositiveIntegerField(default=0)),
                ("completion_tokens", models.PositiveIntegerField(default=0)),
                ("error_code", models.CharField(blank=True, max_length=50)),
                ("error_message", models.TextField(blank=True)),
                ("error_param", models.CharField(blank=True, max_length=100)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "job",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="lines", to="chat.batchjob"
                    ),
                ),
                (
                    "session",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="chat.chatsession",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("status", "pending")),
                        fields=["job", "prefix", "number"],
                        name="line_pending",
                    ),
                    models.Index(
                        condition=models.Q(("status", "running")), fields=["job"], name="line_running"
                    ),
                    models.Index(
                        condition=models.Q(("status", "failed")),
                        fields=["job", "error_code"],
                        name="line_failed",
                    ),
                    models.Index(
                        condition=models.Q(("finished_at__isnull", False)),
                        fields=["job", "finished_at"],
                        name="line_finished",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("job", "custom_id"), name="one_line_per_custom_id"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                ["pending", "running", "succeeded", "failed", "cancelled", "expired"],
                            )
                        ),
                        name="line_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "running"), _negated=True),
                            ("lease_until__isnull", False),
                            _connector="OR",
                        ),
                        name="running_line_has_lease",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BatchNotice",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "channel",
                    models.CharField(choices=[("webhook", "Webhook"), ("email", "Email")], max_length=10),
                ),
                ("target", models.CharField(max_length=1000)),
                ("payload", models.JSONField()),
                ("tries", models.PositiveIntegerField(default=0)),
                ("due_at", models.DateTimeField(blank=True, null=True)),
                ("delivered_at", models.DateTimeField(blank=True, null=True)),
                ("last_error", models.CharField(blank=True, max_length=300)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "job",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notices",
                        to="chat.batchjob",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("due_at__isnull", False)), fields=["due_at"], name="notice_due"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("channel__in", ["webhook", "email"])), name="notice_channel_known"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="TokenFamily",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("auth_hash", models.CharField(max_length=128)),
                ("current", models.CharField(max_length=32)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField(db_index=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="token_families",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "token families",
            },
        ),
        migrations.CreateModel(
            name="Attachment",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("kind", models.CharField(max_length=10)),
                ("text", models.TextField()),
                ("is_truncated", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "file",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="attachment",
                        to="chat.storedfile",
                    ),
                ),
                (
                    "message",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="attachment_rows",
                        to="chat.chatmessage",
                    ),
                ),
                (
                    "session",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="attachments",
                        to="chat.chatsession",
                    ),
                ),
            ],
            options={
                "ordering": ["created_at", "id"],
            },
        ),
        migrations.CreateModel(
            name="LoraAdapter",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("slug", models.SlugField(max_length=100)),
                ("name", models.CharField(max_length=200)),
                ("path", models.CharField(max_length=1000)),
                ("digest", models.CharField(max_length=64)),
                ("size_bytes", models.PositiveBigIntegerField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="adapters",
                        to="chat.languagemodel",
                    ),
                ),
            ],
            options={
                "ordering": ["model", "slug"],
                "constraints": [
                    models.UniqueConstraint(fields=("model", "slug"), name="one_adapter_of_a_name")
                ],
            },
        ),
        migrations.CreateModel(
            name="Provider",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("slug", models.SlugField(unique=True)),
                ("base_url", models.URLField(max_length=500)),
                ("api_key_env", models.CharField(blank=True, max_length=100)),
                ("sealed_api_key", models.TextField(blank=True, editable=False)),
                ("is_enabled", models.BooleanField(default=True)),
                ("priority", models.PositiveSmallIntegerField(default=100)),
                (
                    "continuation",
                    models.CharField(
                        choices=[
                            ("none", "None"),
                            ("assistant", "last message of the assistant"),
                            ("continue_final_message", "continue_final_message (vLLM)"),
                            ("prefix", "prefix: true in the last message (DeepSeek, Mistral)"),
                        ],
                        default="none",
                        max_length=30,
                    ),
                ),
                ("accepts", models.JSONField(blank=True, default=dict)),
                (
                    "connect_timeout_s",
                    models.FloatField(
                        default=5.0,
                        validators=[
                            django.core.validators.MinValueValidator(0.1),
                            django.core.validators.MaxValueValidator(3600),
                        ],
                    ),
                ),
                (
                    "first_token_timeout_s",
                    models.FloatField(
                        default=60.0,
                        validators=[
                            django.core.validators.MinValueValidator(0.1),
                            django.core.validators.MaxValueValidator(3600),
                        ],
                    ),
                ),
                (
                    "idle_timeout_s",
                    models.FloatField(
                        default=30.0,
                        validators=[
                            django.core.validators.MinValueValidator(0.1),
                            django.core.validators.MaxValueValidator(3600),
                        ],
                    ),
                ),
                (
                    "max_streams",
                    models.PositiveIntegerField(
                        default=32,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(10000),
                        ],
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "ordering": ["priority", "slug"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("continuation__in", ["none", "assistant", "continue_final_message", "prefix"])
                        ),
                        name="continuation_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ProviderModel",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("remote_name", models.CharField(max_length=200)),
                ("calls", models.PositiveBigIntegerField(default=0)),
                ("latency_ms", models.FloatField(blank=True, null=True)),
                ("error_rate", models.FloatField(blank=True, null=True)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("rests_until", models.DateTimeField(blank=True, null=True)),
                ("probing_until", models.DateTimeField(blank=True, null=True)),
                ("last_error", models.CharField(blank=True, max_length=500)),
                ("last_error_at", models.DateTimeField(blank=True, null=True)),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="providers",
                        to="chat.languagemodel",
                    ),
                ),
                (
                    "provider",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="models", to="chat.provider"
                    ),
                ),
            ],
            options={
                "ordering": ["provider__priority", "provider__slug", "model__slug"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("provider", "model"), name="one_row_per_provider_and_model"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(db_index=True)),
                ("actor_id", models.UUIDField(db_index=True, null=True)),
                ("actor_name", models.CharField(blank=True, max_length=150)),
                ("action", models.CharField(db_index=True, max_length=100)),
                ("subject_type", models.CharField(blank=True, max_length=100)),
                ("subject_id", models.CharField(blank=True, max_length=100)),
                ("details", models.TextField(default="{}")),
                ("previous_hash", models.CharField(max_length=64)),
                ("hash", models.CharField(max_length=64)),
            ],
            options={
                "verbose_name_plural": "audit entries",
                "ordering": ["-number"],
                "default_permissions": (),
                "indexes": [models.Index(fields=["subject_type", "subject_id"], name="audit_of_subject")],
            },
        ),
        migrations.CreateModel(
            name="AuditHead",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(
                        default=1, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.BigIntegerField(default=0)),
                (
                    "hash",
                    models.CharField(
                        default="0000000000000000000000000000000000000000000000000000000000000000",
                        max_length=64,
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="one_audit_head")],
            },
        ),
        migrations.CreateModel(
            name="Banner",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(
                        default=1, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("text", models.CharField(max_length=300)),
                ("since", models.DateTimeField(auto_now=True)),
            ],
            options={
                "default_permissions": (),
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="one_banner")],
            },
        ),
        migrations.CreateModel(
            name="Hold",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(choices=[("worker", "Worker"), ("queue", "Queue")], max_length=10)),
                ("name", models.CharField(max_length=100)),
                ("since", models.DateTimeField(auto_now_add=True)),
                (
                    "actor",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("kind", "name"), name="one_hold_each"),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["worker", "queue"])), name="hold_kind_known"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Case",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "source",
                    models.CharField(
                        choices=[("report", "Report"), ("rule", "Rule"), ("classifier", "Classifier")],
                        max_length=10,
                    ),
                ),
                ("summary", models.CharField(blank=True, max_length=200)),
                ("evidence", models.TextField(blank=True)),
                (
                    "severity",
                    models.PositiveSmallIntegerField(
                        choices=[(1, "Low"), (2, "Medium"), (3, "High"), (4, "Critical")], default=2
                    ),
                ),
                ("priority", models.PositiveIntegerField(default=0)),
                ("report_count", models.PositiveIntegerField(default=0)),
                ("score", models.FloatField(blank=True, null=True)),
                (
                    "status",
                    models.CharField(
                        choices=[("open", "Open"), ("claimed", "Claimed"), ("decided", "Decided")],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("version", models.PositiveIntegerField(default=1)),
                ("claimed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "decision",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("dismiss", "Dismiss"),
                            ("hide", "Hide"),
                            ("delete", "Delete"),
                            ("warn", "Warn"),
                            ("strike", "Strike"),
                            ("suspend", "Suspend"),
                            ("ban", "Ban"),
                        ],
                        max_length=10,
                    ),
                ),
                ("reason", models.TextField(blank=True)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "assignee",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="claimed_cases",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="decided_cases",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "message",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="cases",
                        to="chat.chatmessage",
                    ),
                ),
                (
                    "session",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="cases",
                        to="chat.chatsession",
                    ),
                ),
                (
                    "subject",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="cases",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("status", "decided"), _negated=True),
                        fields=["-priority", "created_at", "id"],
                        name="case_queue",
                    ),
                    models.Index(
                        condition=models.Q(("status", "decided")),
                        fields=["-decided_at", "id"],
                        name="case_decided_recent",
                    ),
                    models.Index(fields=["subject", "-created_at"], name="case_subject_recent"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status", "decided"), _negated=True),
                        fields=("message",),
                        name="one_open_case_per_message",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["open", "claimed", "decided"])),
                        name="case_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("source__in", ["report", "rule", "classifier"])),
                        name="case_source_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("severity__in", [1, 2, 3, 4])), name="case_severity_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("decided_at__isnull", False),
                                (
                                    "decision__in",
                                    ["dismiss", "hide", "delete", "warn", "strike", "suspend", "ban"],
                                ),
                                ("status", "decided"),
                            ),
                            models.Q(
                                models.Q(("status", "decided"), _negated=True),
                                ("decided_at__isnull", True),
                                ("decision", ""),
                            ),
                            _connector="OR",
                        ),
                        name="decided_case_has_decision",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "claimed"), _negated=True),
                            ("claimed_at__isnull", False),
                            _connector="OR",
                        ),
                        name="claimed_case_has_time",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Appeal",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("words", models.TextField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("upheld", "the decision stands"),
                            ("overturned", "Overturned"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("version", models.PositiveIntegerField(default=1)),
                ("reason", models.TextField(blank=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                (
                    "appellant",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="appeals",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="decided_appeals",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "first_decided_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="appealed_decisions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "case",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="appeal", to="chat.case"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("status", "open")),
                        fields=["created_at", "id"],
                        name="appeal_queue",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["open", "upheld", "overturned"])),
                        name="appeal_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("decided_at__isnull", True), ("status", "open")),
                            models.Q(
                                models.Q(("status", "open"), _negated=True), ("decided_at__isnull", False)
                            ),
                            _connector="OR",
                        ),
                        name="decided_appeal_has_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("decided_by__isnull", True),
                            ("first_decided_by__isnull", True),
                            models.Q(("decided_by", models.F("first_decided_by")), _negated=True),
                            _connector="OR",
                        ),
                        name="appeal_by_a_second_moderator",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CaseEvent",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("opened", "Opened"),
                            ("reported", "Reported"),
                            ("claimed", "Claimed"),
                            ("released", "Released"),
                            ("decided", "Decided"),
                            ("appealed", "Appealed"),
                            ("appeal_decided", "Appeal Decided"),
                        ],
                        max_length=20,
                    ),
                ),
                ("details", models.JSONField(blank=True, default=dict)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "actor",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="case_events",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="events", to="chat.case"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    "opened",
                                    "reported",
                                    "claimed",
                                    "released",
                                    "decided",
                                    "appealed",
                                    "appeal_decided",
                                ],
                            )
                        ),
                        name="case_event_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ContentRule",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=100, unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("words", "words or phrases, one a line"),
                            ("regex", "regular expression (RE2)"),
                        ],
                        default="words",
                        max_length=10,
                    ),
                ),
                ("pattern", models.TextField()),
                (
                    "scope",
                    models.CharField(
                        choices=[
                            ("input", "what people write"),
                            ("output", "what models answer"),
                            ("both", "Both"),
                        ],
                        default="both",
                        max_length=10,
                    ),
                ),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("off", "nothing"),
                            ("flag", "open a case"),
                            ("warn", "say why it should not be there"),
                            ("mask", "replace it"),
                            ("block", "refuse it, or end the reply"),
                        ],
                        default="flag",
                        max_length=10,
                    ),
                ),
                ("replacement", models.CharField(blank=True, default="•••", max_length=50)),
                ("message", models.CharField(blank=True, max_length=300)),
                (
                    "severity",
                    models.PositiveSmallIntegerField(
                        choices=[(1, "Low"), (2, "Medium"), (3, "High"), (4, "Critical")], default=2
                    ),
                ),
                ("is_enabled", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["words", "regex"])), name="rule_kind_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("scope__in", ["input", "output", "both"])),
                        name="rule_scope_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("action__in", ["off", "flag", "warn", "mask", "block"])),
                        name="rule_action_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("severity__in", [1, 2, 3, 4])), name="rule_severity_known"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Notice",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("title", models.CharField(max_length=200)),
                ("body", models.TextField()),
                ("is_appealable", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("read_at", models.DateTimeField(blank=True, null=True)),
                (
                    "case",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="notices",
                        to="chat.case",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notices",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["user", "-created_at", "id"], name="notice_user_recent"),
                    models.Index(
                        condition=models.Q(("read_at__isnull", True)), fields=["user"], name="notice_unread"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="NoticeTemplate",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=100, unique=True)),
                (
                    "decision",
                    models.CharField(
                        choices=[
                            ("dismiss", "Dismiss"),
                            ("hide", "Hide"),
                            ("delete", "Delete"),
                            ("warn", "Warn"),
                            ("strike", "Strike"),
                            ("suspend", "Suspend"),
                            ("ban", "Ban"),
                        ],
                        max_length=10,
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                ("body", models.TextField()),
                ("is_default", models.BooleanField(default=False)),
            ],
            options={
                "ordering": ["decision", "name"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "decision__in",
                                ["dismiss", "hide", "delete", "warn", "strike", "suspend", "ban"],
                            )
                        ),
                        name="notice_template_decision_known",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_default", True)),
                        fields=("decision",),
                        name="one_default_template_per_decision",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Report",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("spam", "Spam"),
                            ("harassment", "Harassment"),
                            ("hate", "hate or discrimination"),
                            ("sexual", "sexual content"),
                            ("violence", "Violence"),
                            ("self_harm", "self-harm"),
                            ("personal_data", "somebody's personal data"),
                            ("illegal", "Illegal"),
                            ("other", "something else"),
                        ],
                        max_length=20,
                    ),
                ),
                ("words", models.TextField(blank=True)),
                ("weight", models.FloatField(default=0.5)),
                (
                    "outcome",
                    models.CharField(
                        choices=[("pending", "Pending"), ("upheld", "Upheld"), ("rejected", "Rejected")],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="reports", to="chat.case"
                    ),
                ),
                (
                    "message",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="reports",
                        to="chat.chatmessage",
                    ),
                ),
                (
                    "reporter",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="reports",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["reporter", "outcome"], name="report_reporter_outcome")],
                "constraints": [
                    models.UniqueConstraint(fields=("message", "reporter"), name="one_report_per_reader"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    "spam",
                                    "harassment",
                                    "hate",
                                    "sexual",
                                    "violence",
                                    "self_harm",
                                    "personal_data",
                                    "illegal",
                                    "other",
                                ],
                            )
                        ),
                        name="report_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("outcome__in", ["pending", "upheld", "rejected"])),
                        name="report_outcome_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RulePolicy",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("off", "nothing"),
                            ("flag", "open a case"),
                            ("warn", "say why it should not be there"),
                            ("mask", "replace it"),
                            ("block", "refuse it, or end the reply"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "group",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rule_policies",
                        to="auth.group",
                    ),
                ),
                (
                    "rule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="policies",
                        to="chat.contentrule",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "rule policies",
                "constraints": [
                    models.UniqueConstraint(fields=("rule", "group"), name="one_policy_per_rule_and_group"),
                    models.CheckConstraint(
                        condition=models.Q(("action__in", ["off", "flag", "warn", "mask", "block"])),
                        name="policy_action_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Strike",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("reason", models.TextField(blank=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "case",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="strike", to="chat.case"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="strikes",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["user", "-created_at"], name="strike_user_recent")],
            },
        ),
        migrations.CreateModel(
            name="GroupLimits",
            fields=[
                (
                    "group",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="limits",
                        serialize=False,
                        to="auth.group",
                    ),
                ),
                ("allowed_models", models.JSONField(blank=True, default=list)),
                ("tokens_per_day", models.PositiveBigIntegerField(blank=True, null=True)),
                ("max_running", models.PositiveIntegerField(blank=True, null=True)),
                ("max_queued", models.PositiveIntegerField(blank=True, null=True)),
            ],
            options={
                "verbose_name_plural": "group limits",
            },
        ),
        migrations.CreateModel(
            name="PrivateAccess",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("reason", models.CharField(max_length=500)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField()),
                (
                    "actor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "session",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="chat.chatsession"
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["actor", "session", "-expires_at"], name="access_of_actor")],
            },
        ),
        migrations.CreateModel(
            name="SharedLink",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("token", models.CharField(max_length=64, unique=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("until", models.DateTimeField()),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="shared_links",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "session",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="shared_link",
                        to="chat.chatsession",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Chore",
            fields=[
                ("name", models.CharField(max_length=50, primary_key=True, serialize=False)),
                ("begun_at", models.DateTimeField()),
                ("succeeded_at", models.DateTimeField(blank=True, null=True)),
                ("detail", models.CharField(blank=True, max_length=300)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="AccountInvitation",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("note", models.CharField(blank=True, max_length=200)),
                ("uses_left", models.PositiveIntegerField(default=1)),
                ("expires_at", models.DateTimeField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="UsageHour",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.DateTimeField()),
                ("model", models.CharField(max_length=100)),
                ("replies", models.PositiveIntegerField()),
                ("failed", models.PositiveIntegerField()),
                ("cancelled", models.PositiveIntegerField()),
                ("prompt_tokens", models.PositiveBigIntegerField()),
                ("cached_tokens", models.PositiveBigIntegerField()),
                ("completion_tokens", models.PositiveBigIntegerField()),
                ("queue", models.JSONField()),
                ("ttft", models.JSONField()),
                ("response", models.JSONField()),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("hour", "model"), name="one_row_per_model_and_hour")
                ],
            },
        ),
        migrations.CreateModel(
            name="LegalHold",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("reason", models.CharField(max_length=500)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "session",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="legal_holds",
                        to="chat.chatsession",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="legal_holds",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["created_at", "id"],
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("session__isnull", True), ("user__isnull", False)),
                            models.Q(("session__isnull", False), ("user__isnull", True)),
                            _connector="OR",
                        ),
                        name="hold_on_user_or_session",
                    )
                ],
            },
        ),
        migrations.RunPython(create, drop),
    ]
