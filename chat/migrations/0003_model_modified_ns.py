from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0002_admission_and_control"),
    ]

    operations = [
        migrations.AddField(
            model_name="languagemodel",
            name="modified_ns",
            field=models.PositiveBigIntegerField(default=0),
        ),
    ]
