"""A worker may be failing: it has no engine, and tries again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0047_standing_decisions"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="workernode",
            name="worker_status_known",
        ),
        migrations.AlterField(
            model_name="workernode",
            name="status",
            field=models.CharField(
                choices=[
                    ("starting", "Starting"),
                    ("ready", "Ready"),
                    ("failing", "Failing"),
                    ("draining", "Draining"),
                    ("stopped", "Stopped"),
                ],
                default="starting",
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="workernode",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["starting", "ready", "failing", "draining", "stopped"])),
                name="worker_status_known",
            ),
        ),
    ]
