"""What a context is made with."""

from __future__ import annotations

import llama_cpp
import msgspec
import pytest

from inference.backends.llama.context import default_threads, flash_attention
from inference.config import EngineConfig


def test_flash_attention_is_llama_cpps_choice_unless_configured(llama_config: EngineConfig) -> None:
    kinds = {
        choice: flash_attention(msgspec.structs.replace(llama_config, path=None, flash_attention=choice))
        for choice in (None, True, False)
    }
    assert kinds == {
        None: llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO,
        True: llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED,
        False: llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED,
    }


def test_a_tiny_model_is_better_off_without_flash_attention(llama_config: EngineConfig) -> None:
    tiny = msgspec.structs.replace(llama_config, flash_attention=None)
    assert flash_attention(tiny) == llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
    for change in ({"v_type": "q8_0"}, {"device": "gpu"}):
        assert (
            flash_attention(msgspec.structs.replace(tiny, **change)) == llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO
        )


def test_threads_are_those_the_process_may_use(
    llama_config: EngineConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.config.os.sched_getaffinity", lambda _: {1, 2, 3}, raising=False)
    monkeypatch.setattr("inference.config.os.cpu_count", lambda: 64)
    assert default_threads(msgspec.structs.replace(llama_config, path=None)) == 3
    assert default_threads(llama_config) == 1
