from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0048_failing_workers"),
    ]

    operations = [
        migrations.AddField(
            model_name="batchline",
            name="error_reason",
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="chatmessage",
            name="error_reason",
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="generation",
            name="error_reason",
            field=models.JSONField(blank=True, null=True),
        ),
    ]
