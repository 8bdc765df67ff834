"""Content may be sealed: other fields over the same columns, but for the titles, which become longer."""

from typing import Any

from django.db import migrations

from chat.sealed import SealedBinaryField, SealedJSONField, SealedTextField
from chat.search_index import refresh_index

FIELDS = [
    ("deletion", "copy", SealedBinaryField()),
    ("appeal", "words", SealedTextField()),
    ("attachment", "text", SealedTextField()),
    ("batchline", "body", SealedTextField()),
    ("batchline", "choices", SealedJSONField(blank=True, default=list)),
    ("case", "evidence", SealedTextField(blank=True)),
    ("chatmessage", "content", SealedTextField(blank=True)),
    ("chatmessage", "tool_calls", SealedJSONField(blank=True, default=list)),
    ("chatsession", "summary", SealedTextField(blank=True)),
    ("chatsession", "system_prompt", SealedTextField(blank=True)),
    ("chatsession", "title", SealedTextField(blank=True, max_length=200)),
    ("generation", "options", SealedJSONField(default=dict)),
    ("generation", "prompt_ids", SealedBinaryField(blank=True, null=True)),
    ("generation", "prompt_messages", SealedJSONField(blank=True, null=True)),
    ("generationchunk", "logprobs", SealedJSONField(blank=True, null=True)),
    ("generationchunk", "text", SealedTextField(blank=True)),
    ("generationchunk", "token_ids", SealedBinaryField(default=b"")),
    ("report", "words", SealedTextField(blank=True)),
]


def widen_titles(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":  # SQLite does not hold texts to a length
        schema_editor.execute("ALTER TABLE chat_chatsession ALTER COLUMN title TYPE text")


def leave_sealed_out_of_search(apps: Any, schema_editor: Any) -> None:
    refresh_index(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("chat", "0041_chat_panels")]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.AlterField(*field) for field in FIELDS],
            database_operations=[migrations.RunPython(widen_titles, migrations.RunPython.noop)],
        ),
        migrations.RunPython(leave_sealed_out_of_search, migrations.RunPython.noop),
    ]
