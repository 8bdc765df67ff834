"""Whose stream a remote generation holds."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat", "0036_squashed")]

    operations = [
        migrations.AddField(
            model_name="generation",
            name="streams_from",
            field=models.CharField(blank=True, max_length=50),
        ),
    ]
