"""What is logged, and how a line looks."""

from __future__ import annotations

from typing import Any


def config(*, level: str, style: str) -> dict[str, Any]:
    """Python's logging, as Django wants it. `style` is text or json."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "text": {"format": "%(asctime)s %(levelname)s %(name)s [%(ids)s]: %(message)s"},
            "json": {"()": "chat.log_context.JsonFormatter"},
        },
        "filters": {"ids": {"()": "chat.log_context.LogContextFilter"}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": style, "filters": ["ids"]}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django.request": {"level": "ERROR"},
            # It comes with a handler and a form of its own.
            "uvicorn": {"level": "WARNING", "handlers": [], "propagate": True},
            "httpx": {"level": "WARNING"},
            "httpx2": {"level": "WARNING"},
            "httpcore2": {"level": "WARNING"},
            "gguf": {"level": "WARNING"},
            # Characters without a glyph, one line each.
            "fpdf": {"level": "ERROR"},
            "fontTools": {"level": "WARNING"},
            # A hint says nothing: workers log the generations they run.
            "celery.app.trace": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
        },
    }
