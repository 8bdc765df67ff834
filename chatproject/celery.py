"""The Celery app. Web processes only send by name; workers load `workers.tasks`."""

from __future__ import annotations

import os
import warnings

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatproject.settings")

# In a container everybody is root, and these workers take JSON only.
warnings.filterwarnings("ignore", message=r"\s*You're running the worker with superuser privileges")

# Celery's own fixup for Django would check the project at every start and close the database connection
# around every task: workers look after their connections themselves.
app = Celery("parley", fixups=[])
app.config_from_object("django.conf:settings", namespace="CELERY")
