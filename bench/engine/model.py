"""The models to measure on: random weights, so that anyone can make the same ones in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.engine.cache import cache_directory
from tests.support.gguf import write_random_gguf

DEMO = Path(__file__).parents[2] / "inference/demo_model/parley-demo.gguf"
SIZES: dict[str, dict[str, Any]] = {
    "135m": {
        "layers": 30,
        "dim": 576,
        "heads": 9,
        "kv_heads": 3,
        "ffn": 1536,
        "vocab": 49152,
        "context": 16384,
        "half": True,
    },
    "tiny": {"layers": 2, "dim": 64, "heads": 4, "vocab": 512, "context": 16384, "half": True},
}
UNREADABLE = [*range(128, 256), 266, 267, 268]
"""Bytes beyond ASCII and control tokens: a server holds unfinished characters back, and ends at an end."""


def find_model(size: str) -> Path:
    """The model of that size, written if need be."""
    if size == "demo":
        return DEMO
    path = cache_directory() / f"random-{size}-f16.gguf"
    if not path.is_file():
        partial = path.with_suffix(".partial")
        write_random_gguf(partial, mute=UNREADABLE, **SIZES[size]).rename(path)
    return path
