"""The operator's settings of an engine's scheduling and memory, whatever model it runs."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from inference.config import MIB

SWITCH = {"auto": None, "on": True, "off": False}


def engine_tuning() -> dict[str, Any]:
    """Fields of `EngineConfig`; without `retained_bytes` where the operator leaves it to the worker."""
    lookup: int = settings.ENGINE_PROMPT_LOOKUP
    retained: int = settings.ENGINE_RETAINED_MIB
    chosen = {
        "step_ms": settings.ENGINE_STEP_MS,
        "spare_streams": settings.ENGINE_SPARE_STREAMS,
        "batch_pauses": SWITCH[settings.ENGINE_BATCH_PAUSES],
        "batch_share": settings.ENGINE_BATCH_SHARE,
        "flash_attention": SWITCH[settings.ENGINE_FLASH_ATTENTION],
        "prompt_lookup": None if lookup < 0 else lookup,
    }
    return chosen if retained < 0 else chosen | {"retained_bytes": retained * MIB}
