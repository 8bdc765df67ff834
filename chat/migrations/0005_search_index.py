from typing import Any

from django.db import migrations

from chat.search_index import create_index, drop_index


def create(apps: Any, schema_editor: Any) -> None:
    create_index(schema_editor.connection)


def drop(apps: Any, schema_editor: Any) -> None:
    drop_index(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("chat", "0004_http_api")]
    operations = [migrations.RunPython(create, drop)]
