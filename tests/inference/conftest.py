"""A model that loads in milliseconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.backends.llama.backend import LlamaBackend
from inference.backends.llama.loading import load_llama_backend
from inference.config import EngineConfig
from tests.support.gguf import write_random_gguf


@pytest.fixture(scope="session")
def gguf_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_gguf(tmp_path_factory.mktemp("models") / "random.gguf")


@pytest.fixture
def llama_config(gguf_path: Path) -> EngineConfig:
    # Flash attention rounds differently for every size of a chunk: noise would hide what these tests compare.
    return EngineConfig(
        model="random", path=gguf_path, slots=2, n_ctx=256, threads=1, digest="d", flash_attention=False
    )


@pytest.fixture
def llama(llama_config: EngineConfig) -> Iterator[LlamaBackend]:
    backend = load_llama_backend(llama_config)
    yield backend
    backend.close()
