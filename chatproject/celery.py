"""The Celery app. Web processes only send by name; workers load `workers.tasks`."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatproject.settings")

app = Celery("parley")
app.config_from_object("django.conf:settings", namespace="CELERY")
