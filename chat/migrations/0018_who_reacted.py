"""A message's reactions name the people who gave them; until now they were counts."""

from typing import Any

from django.db import migrations


def name_people(apps: Any, schema_editor: Any) -> None:
    reactions = apps.get_model("chat", "MessageReaction").objects.order_by("emoji", "created_at", "id")
    people: dict[Any, dict[str, list[str]]] = {}
    for message_id, emoji, user_id in reactions.values_list("message_id", "emoji", "user_id"):
        people.setdefault(message_id, {}).setdefault(emoji, []).append(str(user_id))
    messages = apps.get_model("chat", "ChatMessage").objects
    messages.exclude(reactions={}).update(reactions={})
    for message_id, found in people.items():
        messages.filter(id=message_id).update(reactions=found)


def count_people(apps: Any, schema_editor: Any) -> None:
    messages = apps.get_model("chat", "ChatMessage").objects.exclude(reactions={})
    for message in messages.only("reactions"):
        message.reactions = {emoji: len(people) for emoji, people in message.reactions.items()}
        message.save(update_fields=["reactions"])


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0017_worker_figures"),
    ]

    operations = [migrations.RunPython(name_people, count_people)]
