from __future__ import annotations

from typing import Any

from inference.config import MIB, EngineConfig
from workers.tuning import engine_tuning


def test_the_engines_defaults_are_the_settings_defaults() -> None:
    assert EngineConfig(model="m", **engine_tuning()) == EngineConfig(model="m")


def test_every_setting_reaches_the_engine(settings: Any) -> None:
    settings.ENGINE_STEP_MS = 50.0
    settings.ENGINE_SPARE_STREAMS = 2
    settings.ENGINE_RETAINED_MIB = 3
    settings.ENGINE_BATCH_PAUSES = "on"
    settings.ENGINE_FLASH_ATTENTION = "off"
    settings.ENGINE_PROMPT_LOOKUP = 0
    assert EngineConfig(model="m", **engine_tuning()) == EngineConfig(
        model="m",
        step_ms=50.0,
        spare_streams=2,
        retained_bytes=3 * MIB,
        batch_pauses=True,
        flash_attention=False,
        prompt_lookup=0,
    )
