from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0044_suspensions_are_cases"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="chatmessage",
            name="message_newest",
        ),
        migrations.AddIndex(
            model_name="chatmessage",
            index=models.Index(fields=["-created_at", "session"], name="message_newest"),
        ),
    ]
