"""The Django project: settings, entry points."""

from chatproject.celery import app as celery_app

__all__ = ["celery_app"]
