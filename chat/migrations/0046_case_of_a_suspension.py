from typing import Any

import django.db.models.deletion
from django.db import migrations, models


def find_cases(apps: Any, editor: Any) -> None:
    """By who decided and why, as they were looked for until now."""
    user_model, notice_model = apps.get_model("chat", "User"), apps.get_model("chat", "Notice")
    for user in user_model.objects.exclude(suspension=""):
        told = notice_model.objects.filter(
            user=user,
            is_appealable=True,
            case__decision__in=("suspend", "ban"),
            case__decided_by=user.suspended_by_id,
            case__reason__startswith=user.suspension_reason,
        )
        newest = told.order_by("-created_at", "id").first()
        if newest is not None:
            user_model.objects.filter(id=user.id).update(suspension_case=newest.case_id)


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0045_newest_messages"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="suspension_case",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="chat.case",
            ),
        ),
        migrations.RunPython(find_cases, migrations.RunPython.noop),
    ]
