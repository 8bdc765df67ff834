from typing import Any

from django.db import migrations, models
from django.utils import timezone
from django.utils.dateparse import parse_datetime


def tell_which_stand(apps: Any, editor: Any) -> None:
    """Ends are in the history of cases. Nobody is kept out again whom anything has let in meanwhile."""
    case_model, user_model = apps.get_model("chat", "Case"), apps.get_model("chat", "User")
    kept_out = set(
        user_model.objects.exclude(suspension_case=None).values_list("suspension_case_id", flat=True)
    )
    for case in case_model.objects.filter(decision__in=("suspend", "ban")).defer("evidence"):
        told = case.events.filter(kind="decided").order_by("-id").values_list("details", flat=True).first()
        until = parse_datetime((told or {}).get("until") or "")
        lifted_at = None if case.id in kept_out else _lifted_at(apps, case)
        case_model.objects.filter(id=case.id).update(until=until, lifted_at=lifted_at)


def _lifted_at(apps: Any, case: Any) -> Any:
    entries, appeals = apps.get_model("chat", "AuditEntry"), apps.get_model("chat", "Appeal")
    let_in = entries.objects.filter(
        action="user.unsuspended", subject_id=str(case.subject_id), at__gte=case.decided_at
    )
    granted = appeals.objects.filter(
        case__subject=case.subject_id, status="overturned", decided_at__gte=case.decided_at
    )
    moments = [*let_in.values_list("at", flat=True), *granted.values_list("decided_at", flat=True)]
    is_kept_out = case.subject is not None and case.subject.suspension != ""
    return min(moments, default=None if is_kept_out else timezone.now())


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0046_case_of_a_suspension"),
    ]

    operations = [
        migrations.AddField(
            model_name="case",
            name="until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="case",
            name="lifted_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.RunPython(tell_which_stand, migrations.RunPython.noop),
    ]
