"""llama.cpp's own log, which it would print to stderr, as debug records of Python's logging."""

from __future__ import annotations

import ctypes
import logging

import llama_cpp

logger = logging.getLogger("inference.llama")


def _record(level: int, text: bytes | None, user_data: int | None) -> None:
    logger.debug("%s", (text or b"").decode("utf-8", "replace").rstrip())


_callback = llama_cpp.llama_log_callback(_record)  # kept here: native code holds no reference


def silence_llama() -> None:
    """Send llama.cpp's log to Python's. Harmless to repeat."""
    llama_cpp.llama_log_set(_callback, ctypes.c_void_p(0))
