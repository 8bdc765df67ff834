"""The models to measure on: random weights, so that anyone can make the same ones in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.gguf import write_random_gguf

MODELS = Path("var/bench")
SIZES: dict[str, dict[str, Any]] = {
    "135m": {
        "layers": 30,
        "dim": 576,
        "heads": 9,
        "kv_heads": 3,
        "ffn": 1536,
        "vocab": 49152,
        "context": 8192,
        "half": True,
    },
    "tiny": {"layers": 2, "dim": 64, "heads": 4, "vocab": 512, "context": 8192, "half": True},
}


def find_model(size: str) -> Path:
    """The model of that size, written if need be."""
    path = MODELS / f"{size}-f16.gguf"
    if not path.is_file():
        MODELS.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        write_random_gguf(partial, **SIZES[size]).rename(path)
    return path
