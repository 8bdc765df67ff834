"""The inference engine: usable on its own, without Django, Celery or Redis."""
