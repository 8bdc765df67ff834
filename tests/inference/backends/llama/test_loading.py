"""From a file to a backend, or to a sentence that says why not."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import llama_cpp
import msgspec
import pytest

from inference.backends import load_backend
from inference.backends.llama.backend import LlamaBackend
from inference.backends.llama.loading import load_llama_backend
from inference.config import EngineConfig
from inference.types.errors import InferenceError
from tests.support.gguf import CHATML, write_random_gguf


def test_a_model_describes_itself(llama: LlamaBackend) -> None:
    assert (llama.n_ctx, llama.digest, llama.device) == (256, "d", "cpu")
    assert llama.chat_template == CHATML
    assert (llama.bos_text, llama.eos_text) == ("<|endoftext|>", "<|im_end|>")
    assert set(llama.control_texts) == {"<|endoftext|>", "<|im_start|>", "<|im_end|>"}


def test_without_a_digest_the_file_is_hashed_and_the_window_is_the_models(tmp_path: Path) -> None:
    path = write_random_gguf(tmp_path / "m.gguf", context=128, chat_template=None, add_bos=True, vocab=300)
    backend = load_backend(EngineConfig(model="m", path=path, slots=1, n_ctx=4096, n_batch=64))
    assert backend.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert backend.n_ctx == 128
    assert backend.n_batch == 64
    assert backend.n_vocab == 300
    assert backend.chat_template is None
    bos = backend.tokenize("")
    assert len(bos) == 1
    assert backend.tokenize("hi")[:1] == bos
    assert backend.tokenize("<|endoftext|>hi") == backend.tokenize("hi")
    backend.close()


def test_closing_twice_is_harmless(llama_config: EngineConfig) -> None:
    backend = load_llama_backend(llama_config)
    backend.close()
    backend.close()


@pytest.mark.parametrize("content", [b"", b"not a model", b"GGUF and then nonsense"])
def test_what_is_no_model_is_refused_with_its_name(
    tmp_path: Path, content: bytes, llama_config: EngineConfig
) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(content)
    with pytest.raises(InferenceError, match=r"broken\.gguf") as caught:
        load_backend(msgspec.structs.replace(llama_config, path=path))
    assert caught.value.code == "model_load_failed"


@pytest.mark.parametrize("path", [None, Path("/nowhere/at.gguf")])
def test_a_missing_file_is_refused(path: Path | None, llama_config: EngineConfig) -> None:
    with pytest.raises(InferenceError, match="no model file"):
        load_backend(msgspec.structs.replace(llama_config, path=path))


def test_too_little_memory_is_refused(llama_config: EngineConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llama_cpp, "llama_init_from_model", lambda model, params: None)
    with pytest.raises(InferenceError, match="not enough memory"):
        load_backend(llama_config)


def test_a_gpu_without_a_gpu_build_is_refused(
    llama_config: EngineConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llama_cpp, "llama_supports_gpu_offload", lambda: False)
    with pytest.raises(InferenceError, match="cannot use a GPU"):
        load_backend(msgspec.structs.replace(llama_config, device="gpu"))


def test_llama_cpp_speaks_through_logging_only(
    llama_config: EngineConfig,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Heard at its own logger: the root's handlers print, and are another test's business.
    logger = logging.getLogger("inference.llama")
    monkeypatch.setattr(logger, "propagate", False)
    monkeypatch.setattr(logger, "handlers", [caplog.handler])
    with caplog.at_level(logging.DEBUG, logger="inference.llama"):
        load_llama_backend(llama_config).close()
    assert "llama" in caplog.text
    assert capfd.readouterr().err == ""


def test_a_file_that_was_changed_after_it_was_checked_is_not_loaded(llama_config: EngineConfig) -> None:
    assert llama_config.path is not None
    checked = llama_config.path.stat().st_mtime_ns
    load_llama_backend(msgspec.structs.replace(llama_config, modified_ns=checked)).close()
    with pytest.raises(InferenceError, match="was changed after it was checked"):
        load_llama_backend(msgspec.structs.replace(llama_config, modified_ns=checked - 1))
